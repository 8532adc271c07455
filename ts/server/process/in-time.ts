// Questions to the application that must have an answer some time.

/** How long the application may take to decide on a client, in ms. */
const PATIENCE = 10_000;

/** What `ask` answers, or `late` if it does not within 10 s. Throws what `ask` throws. */
export async function inTime<T, L>(ask: () => T | Promise<T>, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(late), PATIENCE);
  });
  try {
    return await Promise.race([ask(), end]);
  } finally {
    clearTimeout(timer);
  }
}
