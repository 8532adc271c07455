// Next calls register() once, before the first request, in the process that owns the HTTP server: the real-time server joins it there,
// and lets in who is logged in, into all rooms but those of others.

export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const realtime = await import("nself-realtime");
    const { mayJoin } = await import("./lib/database/room");
    const { COOKIE } = await import("./lib/session/cookie");
    const { sessions } = await import("./lib/session/store");
    const { startSampling } = await import("./lib/stats/sampler");
    realtime.register({
      authenticate: realtime.sessionCookie(COOKIE, (id) => sessions().find(id)),
      authorizeJoin: ({ userId }, room) => mayJoin(userId, room),
    });
    startSampling();
  }
}
