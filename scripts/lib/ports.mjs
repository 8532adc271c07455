// Which port the demo listens on.

import { createServer } from "node:net";
import { Failure } from "./run.mjs";

/** The loopback address that the demo binds: its buttons start processes, which is nobody's business but this machine's. */
export const HOST = "127.0.0.1";

/** Resolves with the port that could be bound (0 asks for any free one), or null if it is taken. */
function probe(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, HOST, () => {
      const bound = server.address().port;
      server.close(() => resolve(bound));
    });
  });
}

/** The port asked for by PORT, or else `preferred` if it is free, or else a free one. */
export async function choosePort(preferred) {
  const { PORT } = process.env;
  if (!PORT) return (await probe(preferred)) ?? (await probe(0));
  const port = Number(PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Failure(`PORT=${PORT} is not a port`);
  const free = await probe(port);
  if (free === null) throw new Failure(`port ${port} is in use: stop what listens there, or choose another by PORT`);
  return free;
}
