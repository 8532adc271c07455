// What the services share: a word when they are ready, a steady tick, and a clean end when asked to stop or when the admin is gone.

/** Tells the admin that this service does its work now. Alone (`node services/api.mjs`) it tells nobody. */
export function ready() {
  console.log(`ready, process ${process.pid}`);
  process.send?.("ready");
}

/** Calls `close` once on SIGTERM or SIGINT, and ends after it. */
export function endWhenAsked(close = () => {}) {
  let ending = false;
  const end = async (reason) => {
    if (ending) return;
    ending = true;
    console.log(`${reason}: finishing what is in hand`);
    await close();
    setTimeout(() => process.exit(0), 100);
  };
  process.on("SIGTERM", () => end("asked to stop"));
  process.on("SIGINT", () => end("interrupted"));
  // Our standard input is a pipe from the admin: its end means that nobody is left to stop us.
  process.stdin.resume().once("end", () => process.exit(1));
  // The admin may be gone already when we write.
  process.stdout.on("error", () => process.exit(1));
  process.stderr.on("error", () => process.exit(1));
}

/** Calls `tick` every `interval` ms until the service ends; then `close`. */
export function runService(tick, interval, close = () => {}) {
  const timer = setInterval(tick, interval);
  endWhenAsked(() => {
    clearInterval(timer);
    return close();
  });
  ready();
}
