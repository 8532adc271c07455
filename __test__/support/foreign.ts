// The server that foreign clients talk to: socket.io itself, and ours by `attach`, on Node's port, and by `listen`, on a port of Rust.

import type { Namespace, Server } from "socket.io";
import { realtime, startAttached } from "./nself.js";
import { dropConnections } from "./raw-http.js";
import { startOracle } from "./servers.js";

type Callback = (...args: unknown[]) => void;

export const WAYS = ["attach", "listen"] as const;
/** The same, and socket.io, which shows what a client can do at all. */
export const WITH_ORACLE = ["socket.io", ...WAYS] as const;
export type Way = (typeof WITH_ORACLE)[number];

/** What a client that is refused gets with the error. */
export const REFUSAL = { code: 7 };

/** The namespaces "/" and "/other", which do the same. */
function serve(io: Server): void {
  for (const namespace of [io.of("/"), io.of("/other")]) answer(namespace);
}

function answer(namespace: Namespace): void {
  namespace.use((socket, next) => {
    if (socket.handshake.auth.token === "good") next();
    else next(Object.assign(new Error("not welcome"), { data: REFUSAL }));
  });
  namespace.on("connection", (socket) => {
    const { token } = socket.handshake.auth;
    socket.emit("welcome", { id: socket.id, namespace: namespace.name, token });
    socket.on("echo", (...args) => {
      const last = args.at(-1);
      if (typeof last === "function") last(...args.slice(0, -1));
      else socket.emit("echo", ...args);
    });
    socket.on("ask me", (question: unknown) => {
      socket.emit("question", question, (...answer: unknown[]) => socket.emit("answered", ...answer));
    });
    socket.on("join", async (room: string, done: Callback) => {
      await socket.join(room);
      done();
    });
    socket.on("leave", async (room: string, done: Callback) => {
      await socket.leave(room);
      done();
    });
    socket.on("say", (room: string, ...what: unknown[]) => void namespace.to(room).emit("said", ...what));
    socket.on("say to the others", (room: string, ...what: unknown[]) => void socket.to(room).emit("said", ...what));
    socket.on("cut", () => socket.conn.close());
    socket.on("kick", () => socket.disconnect());
  });
}

/** Starts it; its path is /socket.io. */
export async function startForeign(way: Way): Promise<{ port: number; close(): Promise<void> }> {
  if (way === "socket.io") return startOracle({ pingInterval: 2000 }, serve);
  const options = { path: "/socket.io", pingInterval: 2000, logger: () => {} };
  if (way === "attach") {
    const { port, server, close } = await startAttached(options);
    serve(server.getIO() as unknown as Server);
    return { port, close };
  }
  const server = await realtime.listen({ ...options, port: 0 });
  const port = server.port as number;
  serve(server.getIO() as unknown as Server);
  return {
    port,
    close: async () => {
      dropConnections(port);
      await server.shutdown();
    },
  };
}
