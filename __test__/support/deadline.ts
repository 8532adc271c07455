// One deadline for everything a test waits for: a missing event fails with a sentence instead of a hang.

/** Longest wait for one event, in ms: only what hangs reaches it, however busy the machine is. Less than a minute, which tests take for never. */
export const DEADLINE = 50_000;

/** The value of `promise`, or an error that names `what` was waited for. */
export async function within<T>(what: string, promise: Promise<T>, ms = DEADLINE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets `ms` of real time go by. Only for tests whose subject is a timer of the server. */
export function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
