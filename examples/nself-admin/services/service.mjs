// What the three services share: a steady tick, and a clean end when asked to stop or when the admin that started them is gone.

/** Calls `tick` every `interval` ms until SIGTERM; then `close`, and ends. */
export function runService(tick, interval, close = () => {}) {
  console.log(`ready, process ${process.pid}`);
  const timer = setInterval(tick, interval);
  const end = (reason) => {
    clearInterval(timer);
    console.log(`${reason}: finishing what is in hand`);
    close();
    setTimeout(() => process.exit(0), 300);
  };
  process.once("SIGTERM", () => end("asked to stop"));
  process.once("SIGINT", () => end("interrupted"));
  // Our standard input is a pipe from the admin: its end means that nobody is left to stop us.
  process.stdin.resume().once("end", () => process.exit(1));
  // The admin may be gone already when we write.
  process.stdout.on("error", () => process.exit(1));
  process.stderr.on("error", () => process.exit(1));
}
