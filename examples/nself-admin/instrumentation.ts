// Next calls register() once, before the first request, in the process that owns the HTTP server: the real-time server joins it there.

export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const realtime = await import("nself-realtime");
    realtime.register();
  }
}
