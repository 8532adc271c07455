// Something that is started for its first user and stopped a while after its last one.

/** Time, in ms, between the last user's going and the stop: a page change or StrictMode's second mount must not reconnect. */
export const LINGER = 1000;

/** Returns a function that adds a user; its result takes the user away. `start` returns what stops it. */
export function shared(start: () => () => void): () => () => void {
  let users = 0;
  let stop: (() => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    users++;
    clearTimeout(timer);
    stop ??= start();
    let using = true;
    return () => {
      if (!using) return;
      using = false;
      users--;
      if (users > 0) return;
      timer = setTimeout(() => {
        stop?.();
        stop = undefined;
      }, LINGER);
    };
  };
}
