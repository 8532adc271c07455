// A network that forgets connections: the client's end is gone, and the server is not told.
import net, { type AddressInfo } from "node:net";

export interface Forgetful {
  port: number;
  /** Drops the clients' ends of all connections; the server's stay open, and whatever it sends is lost. */
  forget(): void;
  close(): Promise<void>;
}

/** A TCP proxy in front of a port. */
export async function startForgetful(target: number): Promise<Forgetful> {
  const pairs = new Set<[client: net.Socket, server: net.Socket]>();
  const proxy = net.createServer((client) => {
    const server = net.connect({ port: target, host: "127.0.0.1", noDelay: true });
    const pair: [net.Socket, net.Socket] = [client, server];
    pairs.add(pair);
    for (const end of pair) end.on("error", () => {});
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => client.writable && client.write(data));
    server.on("close", () => {
      pairs.delete(pair);
      client.destroy();
    });
    client.on("close", () => pairs.has(pair) && server.end());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    forget() {
      for (const [client] of pairs) {
        client.removeAllListeners("close");
        client.destroy();
      }
    },
    close() {
      for (const [client, server] of pairs) {
        client.destroy();
        server.destroy();
      }
      return new Promise((resolve) => proxy.close(() => resolve()));
    },
  };
}
