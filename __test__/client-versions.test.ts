// Every Socket.IO client from 3.0 on, with a server by `attach` and one by `listen`: all that a client does.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { ManagerOptions, Socket, SocketOptions, io as stockIo } from "socket.io-client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { within } from "./support/deadline.js";
import { root } from "./support/documents.js";
import { REFUSAL, startForeign, WAYS } from "./support/foreign.js";

const require = createRequire(import.meta.url);
const { devDependencies } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
  devDependencies: Record<string, string>;
};
const packages = Object.keys(devDependencies).filter((name) => name.startsWith("socket.io-client"));
const versions = packages
  .map((name) => ({ name, version: (require(`${name}/package.json`) as { version: string }).version }))
  .sort((a, b) => a.version.localeCompare(b.version));

const TRANSPORTS: Record<string, string[]> = {
  polling: ["polling"],
  websocket: ["websocket"],
  "polling, then websocket": ["polling", "websocket"],
};

test("every minor version is there", () => {
  const minors = versions.map(({ version }) => version.split(".").slice(0, 2).join("."));
  expect(minors).toEqual(["3.0", "3.1", "4.0", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7", "4.8"]);
});

describe.each(WAYS)("by %s", (way) => {
  let server: Awaited<ReturnType<typeof startForeign>>;
  beforeAll(async () => {
    server = await startForeign(way);
  });
  afterAll(() => server.close());

  const open: Socket[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.disconnect();
  });

  describe.each(versions)("client $version", ({ name }) => {
    const { io } = require(name) as { io: typeof stockIo };
    type Options = Partial<ManagerOptions & SocketOptions>;

    function client(path: string, options: Options): Socket {
      const socket = io(`http://127.0.0.1:${server.port}${path}`, {
        forceNew: true,
        reconnectionDelay: 10,
        auth: { token: "good" },
        ...options,
      });
      open.push(socket);
      return socket;
    }
    /** The arguments of its next event. */
    // biome-ignore lint/suspicious/noExplicitAny: a test knows what it was sent
    const next = (socket: Socket, event: string): Promise<any[]> =>
      within(`${event}`, new Promise((resolve) => socket.once(event, (...args) => resolve(args))));
    // biome-ignore lint/suspicious/noExplicitAny: the same
    const ask = (socket: Socket, event: string, ...args: unknown[]): Promise<any[]> =>
      within(
        `the answer to ${event}`,
        new Promise((resolve) => socket.emit(event, ...args, (...answer: unknown[]) => resolve(answer))),
      );
    async function connected(path: string, options: Options): Promise<Socket> {
      const socket = client(path, options);
      const [welcome] = await next(socket, "welcome");
      expect(welcome).toEqual({ id: socket.id, namespace: path || "/", token: "good" });
      return socket;
    }

    describe.each(Object.entries(TRANSPORTS))("%s", (_, transports) => {
      test("events, acks, binary data", async () => {
        const socket = await connected("", { transports });
        const values = ["ä€😀", 1.5, -0, null, true, [], {}, { a: [{ b: "\n\u2028" }] }];
        socket.emit("echo", ...values);
        expect(await next(socket, "echo")).toEqual(JSON.parse(JSON.stringify(values)));
        expect(await ask(socket, "echo")).toEqual([]);
        expect(await ask(socket, "echo", "a", 2)).toEqual(["a", 2]);

        const bytes = Buffer.from([0, 1, 127, 128, 255]);
        socket.emit("echo", bytes, { deep: [bytes], empty: Buffer.alloc(0) });
        expect(await next(socket, "echo")).toEqual([bytes, { deep: [bytes], empty: Buffer.alloc(0) }]);
        const large = Buffer.alloc(40_000, "x");
        expect(await ask(socket, "echo", large)).toEqual([large]);

        socket.once("question", (question: string, answer: (...args: unknown[]) => void) => answer(question, bytes));
        socket.emit("ask me", "why");
        expect(await next(socket, "answered")).toEqual(["why", bytes]);
      });

      test("rooms", async () => {
        const [one, two] = await Promise.all([connected("", { transports }), connected("", { transports })]);
        await Promise.all([ask(one, "join", "r"), ask(two, "join", "r")]);
        const said = Promise.all([next(one, "said"), next(two, "said")]);
        one.emit("say", "r", "hello", Buffer.from("b"));
        expect(await said).toEqual([
          ["hello", Buffer.from("b")],
          ["hello", Buffer.from("b")],
        ]);
        const others = next(two, "said");
        one.once("said", () => two.emit("say", "r", "not to oneself"));
        one.emit("say to the others", "r", "others");
        expect(await others).toEqual(["others"]);
        await ask(one, "leave", "r");
        one.once("said", (what) => expect.fail(`left, and got ${what}`));
        const last = next(two, "said");
        two.emit("say", "r", "last");
        expect(await last).toEqual(["last"]);
        // What was sent to it before has come.
        await ask(one, "echo");
      });

      test("namespaces on one connection", async () => {
        const main = client("", { transports, forceNew: false, multiplex: true });
        const other = main.io.socket("/other", { auth: { token: "good" } });
        open.push(other);
        const [[atMain], [atOther]] = await Promise.all([next(main, "welcome"), next(other, "welcome")]);
        expect([atMain.namespace, atOther.namespace]).toEqual(["/", "/other"]);
        expect(atMain.id).not.toBe(atOther.id);
        expect(await ask(other, "echo", "x")).toEqual(["x"]);
        const gone = next(other, "disconnect");
        other.emit("kick");
        expect((await gone)[0]).toBe("io server disconnect");
        expect(await ask(main, "echo", "still here")).toEqual(["still here"]);
      });

      test("a refusal says why", async () => {
        const socket = client("", { transports, auth: { token: "bad" }, reconnection: false });
        const [error] = await next(socket, "connect_error");
        expect(error.message).toBe("not welcome");
        expect(error.data).toEqual(REFUSAL);
        const unknown = client("/nowhere", { transports, reconnection: false });
        const [invalid] = await next(unknown, "connect_error");
        expect(invalid.message).toBe("Invalid namespace");
      });

      test("comes back when it was cut off", async () => {
        const socket = await connected("", { transports });
        const before = socket.id;
        const back = next(socket, "disconnect").then(() => next(socket, "welcome"));
        socket.emit("cut");
        const [welcome] = await back;
        expect(welcome.id).toBe(socket.id);
        expect(welcome.id).not.toBe(before);
        expect(await ask(socket, "echo", 1)).toEqual([1]);
      });

      test("leaves", async () => {
        const socket = await connected("", { transports });
        const gone = next(socket, "disconnect");
        socket.disconnect();
        expect((await gone)[0]).toBe("io client disconnect");
      });
    });
  });
});
