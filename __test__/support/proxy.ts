// A TCP proxy that can drop or swallow every connection and hold back upgrades: the network's part in what goes wrong.
import net, { type AddressInfo } from "node:net";

export interface TcpProxy {
  port: number;
  /** Drops every connection (FIN or RST on both sides) and takes no new one until `restore`. */
  cut(how?: "fin" | "reset"): void;
  /** Passes nothing more on, as a network does that is gone: connections stay, until `restore` new ones too, and are not answered. */
  swallow(): void;
  restore(): void;
  close(): Promise<void>;
}

/** `upgradeDelay`: how long a WebSocket handshake is held back, in ms. */
export async function startProxy(target: number, upgradeDelay = 0): Promise<TcpProxy> {
  const sockets = new Set<net.Socket>();
  let down = false;
  let silent = false;
  const proxy = net.createServer((client): void => {
    if (down) return void client.destroy();
    if (silent) {
      sockets.add(client);
      return void client.on("error", () => {}).on("close", () => sockets.delete(client));
    }
    const server = net.connect({ port: target, host: "127.0.0.1", noDelay: true });
    client.setNoDelay(true);
    server.pipe(client);
    client.once("data", (head) => {
      client.pause();
      const forward = () => {
        server.write(head);
        client.pipe(server);
      };
      if (upgradeDelay > 0 && /upgrade: websocket/i.test(head.toString("latin1"))) setTimeout(forward, upgradeDelay);
      else forward();
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        sockets.delete(one);
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const cut = (how: "fin" | "reset" = "fin") => {
    down = true;
    for (const socket of sockets) how === "fin" ? socket.destroy() : socket.resetAndDestroy();
  };
  const swallow = () => {
    silent = true;
    for (const socket of sockets) {
      // An end passes no more than bytes do.
      socket.unpipe().removeAllListeners("close").removeAllListeners("end");
      socket.on("close", () => sockets.delete(socket)).resume();
    }
  };
  return {
    swallow,
    port: (proxy.address() as AddressInfo).port,
    cut,
    restore: () => {
      down = false;
      silent = false;
    },
    close: () => {
      cut();
      return new Promise((resolve) => proxy.close(() => resolve()));
    },
  };
}
