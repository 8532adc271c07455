// Steps in which everything on the page that follows the server renders: at most one for each animation frame.

/** Longest wait for a frame, in ms: a hidden tab has none, but what depends on the data must go on there. */
const PATIENCE = 250;

const waiting = new Set<() => void>();
let frame: number | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

function flush(): void {
  if (frame !== undefined) cancelAnimationFrame(frame);
  clearTimeout(timer);
  frame = undefined;
  timer = undefined;
  const due = [...waiting];
  waiting.clear();
  // All in one task, so that React makes one render of it.
  for (const run of due) run();
}

/** Runs `run` in the next frame, once however often it was asked for. */
export function inNextFrame(run: () => void): void {
  waiting.add(run);
  if (timer !== undefined) return;
  if (typeof requestAnimationFrame === "function") frame = requestAnimationFrame(flush);
  timer = setTimeout(flush, PATIENCE);
}

/** Takes back what `inNextFrame` was asked for. */
export function notInNextFrame(run: () => void): void {
  waiting.delete(run);
}
