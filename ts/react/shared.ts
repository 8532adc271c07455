// Something that is started for its first user and stopped a while after its last one.

import { getWebSocketClient } from "../client/index.js";

/**
 * Returns a function that adds a user; its result takes the user away. `start` returns what stops it; that happens when there was no
 * user for as long as the client lingers, so that a page change or StrictMode's second mount loses nothing.
 */
export function shared(start: () => () => void): () => () => void {
  let users = 0;
  let stop: (() => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    stop?.();
    stop = undefined;
  };
  return () => {
    users++;
    clearTimeout(timer);
    stop ??= start();
    let using = true;
    return () => {
      if (!using) return;
      using = false;
      users--;
      if (users === 0) timer = setTimeout(end, getWebSocketClient().options.linger);
    };
  };
}
