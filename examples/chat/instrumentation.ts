// Next calls register() once, in the process that owns the HTTP server: the real-time server joins it there.

export async function register() {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { getWebSocketServer, register } = await import("nself-realtime");
    register();
    const { serveChat } = await import("./chat");
    serveChat(getWebSocketServer());
  }
}
