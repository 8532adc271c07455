// Says how far a long step is, so that nobody has to guess whether it hangs: a line every ten seconds.

const EVERY = 10_000;

/** Calls `tell` every ten seconds and prints what it returns, if that is not what was printed last. Returns the function that ends it. */
export function follow(tell) {
  const start = performance.now();
  let last = "";
  const timer = setInterval(() => {
    const text = tell();
    if (text === last) return;
    last = text;
    console.log(`  … ${text} (${Math.round((performance.now() - start) / 1000)} s)`);
  }, EVERY);
  return () => clearInterval(timer);
}
