// Whole applications, each run as it is on socket.io, and on this package with nothing changed but the module's name.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
// @ts-expect-error: it brings no types
import { JSDOM, VirtualConsole } from "jsdom";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import ts from "typescript";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { type Child, endChildren, start } from "./support/child.js";
import { within } from "./support/deadline.js";
import { root } from "./support/documents.js";
import { typeErrors } from "./support/type-check.js";

const apps = join(root, "__test__/apps");
// In the package's folder, so that it finds itself by its name.
mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache", "apps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open: Socket[] = [];
const pages: Array<{ window: { close(): void } }> = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.disconnect();
  for (const page of pages.splice(0)) page.window.close();
  endChildren();
});

/** An application with `module` for socket.io: nothing else is another. */
function changed(source: string, module: string): string {
  return source
    .replaceAll('require("socket.io")', `require("${module}")`)
    .replaceAll('from "socket.io"', `from "${module}"`);
}

/** Starts an application; its port. */
async function run(app: string, module: string): Promise<{ child: Child; port: number }> {
  const copy = join(folder, module, app);
  cpSync(join(apps, app), copy, { recursive: true });
  const name = readdirSync(copy).find((file) => file.startsWith("server."))!;
  let code = changed(readFileSync(join(copy, name), "utf8"), module);
  if (name.endsWith(".ts")) {
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    code = ts.transpileModule(code, { compilerOptions }).outputText;
  }
  const program = join(copy, name.replace(/\.ts$/, ".mjs"));
  writeFileSync(program, code);
  const child = start(program, [], { env: { PORT: "0" } });
  const port = Number(/listening on (\d+)/.exec(await child.lines.next(`the port of ${app}`))![1]);
  return { child, port };
}

type Options = Partial<ManagerOptions & SocketOptions>;

function client(port: number, options: Options = {}, path = ""): Socket {
  const socket = io(`http://localhost:${port}${path}`, { forceNew: true, reconnectionDelay: 10, ...options });
  open.push(socket);
  return socket;
}
/** The arguments of a client's next event. */
// biome-ignore lint/suspicious/noExplicitAny: a test knows what it was sent
const next = (socket: Socket, event: string): Promise<any[]> =>
  within(event, new Promise((resolve) => socket.once(event, (...args) => resolve(args))));
/** The arguments of the answer to an event. */
// biome-ignore lint/suspicious/noExplicitAny: the same
const ask = (socket: Socket, event: string, ...args: unknown[]): Promise<any[]> =>
  within(
    `the answer to ${event}`,
    new Promise((resolve) => socket.emit(event, ...args, (...answer: unknown[]) => resolve(answer))),
  );
async function connected(port: number, options?: Options, path?: string): Promise<Socket> {
  const socket = client(port, options, path);
  await next(socket, "connect");
  return socket;
}
/** All arguments of a client's events of a name so far. */
function heard(socket: Socket, event: string): unknown[][] {
  const all: unknown[][] = [];
  socket.on(event, (...args) => all.push(args));
  return all;
}

test("no application names the module in another way", () => {
  for (const app of readdirSync(apps)) {
    const name = readdirSync(join(apps, app)).find((file) => file.startsWith("server."))!;
    const code = readFileSync(join(apps, app, name), "utf8");
    expect(changed(code, "other")).not.toBe(code);
    expect(changed(code, "other")).not.toContain('"socket.io"');
  }
});

describe.each(["socket.io", "nself-realtime"])("on %s", (module) => {
  test("a chat with typing, and the page's script from the server", async () => {
    const { port } = await run("chat", module);
    async function page(name: string) {
      const errors: unknown[] = [];
      const virtualConsole = new VirtualConsole();
      virtualConsole.on("jsdomError", (error: unknown) => errors.push(error));
      const dom = await JSDOM.fromURL(`http://localhost:${port}/?name=${name}`, {
        runScripts: "dangerously",
        resources: "usable",
        pretendToBeVisual: true,
        virtualConsole,
      });
      pages.push(dom);
      const { document, Event } = dom.window;
      const lines = () => [...document.querySelectorAll("li")].map((item: Element) => item.textContent);
      const { text } = document.forms[0]!.elements as unknown as { text: HTMLInputElement };
      return {
        lines,
        errors,
        typing: () => document.getElementById("typing")!.textContent,
        type(what: string) {
          text.value = what;
          text.dispatchEvent(new Event("input"));
        },
        send: () => document.forms[0]!.dispatchEvent(new Event("submit", { cancelable: true })),
      };
    }
    const anna = await page("anna");
    await vi.waitFor(() => expect(anna.lines()).toEqual(["welcome, 1 here"]));
    const bert = await page("bert");
    await vi.waitFor(() => expect(bert.lines()).toEqual(["welcome, 2 here"]));
    await vi.waitFor(() => expect(anna.lines()).toEqual(["welcome, 1 here", "bert came, 2 here"]));
    anna.type("hell");
    await vi.waitFor(() => expect(bert.typing()).toBe("anna is typing"));
    anna.type("hello");
    anna.send();
    await vi.waitFor(() => expect(bert.lines().at(-1)).toBe("anna: hello"));
    await vi.waitFor(() => expect(bert.typing()).toBe(""));
    expect(anna.lines().at(-1)).toBe("anna: hello");
    pages.at(-1)!.window.close();
    await vi.waitFor(() => expect(anna.lines().at(-1)).toBe("bert left, 1 here"));
    expect(anna.errors).toEqual([]);

    const script = await fetch(`http://localhost:${port}/socket.io/socket.io.js`);
    expect(script.status).toBe(200);
    const etag = script.headers.get("etag")!;
    const again = await fetch(`http://localhost:${port}/socket.io/socket.io.js`, {
      headers: { "If-None-Match": etag },
    });
    expect(again.status).toBe(304);
  });

  test("private messages with sessions and recovery", async () => {
    const { port } = await run("private-messages", module);
    const auth = (values: object) => ({ auth: values, transports: ["websocket"] });
    const anna = client(port, auth({ username: "anna" }));
    const [[session], [first]] = await Promise.all([next(anna, "session"), next(anna, "users")]);
    expect(first).toEqual([{ userID: session.userID, username: "anna", connected: true, messages: [] }]);

    const came = next(anna, "user connected");
    const bert = client(port, auth({ username: "bert" }));
    const [other] = await next(bert, "session");
    expect((await came)[0]).toEqual({ userID: other.userID, username: "bert" });

    // In a second tab, by the same session.
    const tab = client(port, auth({ sessionID: session.sessionID }));
    const [[same]] = await Promise.all([next(tab, "session"), next(tab, "users")]);
    expect(same).toEqual(session);

    const message = { content: "hi", from: other.userID, to: session.userID };
    const [inBoth, inOwn] = [
      Promise.all([next(anna, "private message"), next(tab, "private message")]),
      heard(bert, "private message"),
    ];
    bert.emit("private message", { content: "hi", to: session.userID });
    expect((await inBoth).map(([received]) => received)).toEqual([message, message]);

    // Cut off for a moment: what was sent meanwhile comes, once, and nobody was told that she left.
    const left = heard(bert, "user disconnected");
    const recovered = next(anna, "recovered");
    const missed = next(anna, "private message");
    const cut = next(anna, "disconnect");
    anna.emit("cut");
    await cut;
    bert.emit("private message", { content: "missed", to: session.userID });
    expect((await recovered)[0]).toBe(session.userID);
    expect(anna.recovered).toBe(true);
    expect((await missed)[0].content).toBe("missed");

    expect(left).toEqual([]);
    tab.disconnect();
    const gone = next(bert, "user disconnected");
    anna.disconnect();
    expect((await gone)[0]).toBe(session.userID);
    expect(inOwn).toEqual([]);

    const back = client(port, auth({ sessionID: session.sessionID }));
    const [[, users]] = [await Promise.all([next(back, "session"), next(back, "users")])];
    const history = users[0].find(({ username }: { username: string }) => username === "bert");
    expect(history.messages.map(({ content }: { content: string }) => content)).toEqual(["hi", "missed"]);
    const refused = client(port, auth({}));
    expect((await next(refused, "connect_error"))[0].message).toBe("invalid username");
  });

  test("express-session with a login", async () => {
    const { port } = await run("login", module);
    const url = `http://localhost:${port}`;
    const anonymous = client(port, { reconnection: false });
    expect((await next(anonymous, "connect_error"))[0].message).toBe("unauthorized");

    const login = await fetch(`${url}/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: '{"user":"anna"}',
    });
    const Cookie = login.headers.get("set-cookie")!.split(";")[0]!;
    const headers = { Cookie };
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      const socket = client(port, { extraHeaders: headers, transports });
      expect(await next(socket, "hello")).toEqual(["anna"]);
      const [count] = await ask(socket, "count");
      expect(await (await fetch(`${url}/me`, { headers })).json()).toEqual({ user: "anna", count });
    }
    const gone = Promise.all(open.filter(({ connected }) => connected).map((socket) => next(socket, "disconnect")));
    expect((await fetch(`${url}/logout`, { method: "POST", headers })).status).toBe(204);
    expect((await gone).map(([reason]) => reason)).toEqual(Array(3).fill("io server disconnect"));
    const late = client(port, { extraHeaders: headers, reconnection: false });
    expect((await next(late, "connect_error"))[0].message).toBe("unauthorized");
  });

  test("a whiteboard", async () => {
    const { port } = await run("whiteboard", module);
    const one = client(port);
    expect(await next(one, "board")).toEqual([{ strokes: [], picture: null }]);
    const two = client(port);
    await next(two, "board");
    const own = heard(one, "drawing");
    const line = { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4, color: "black" };
    const drawn = next(two, "drawing");
    one.emit("drawing", line);
    expect(await drawn).toEqual([line]);
    const cursor = next(two, "cursor");
    // One may be lost.
    const moving = setInterval(() => one.emit("cursor", { x: 0.5, y: 0.5 }), 20);
    expect(await cursor.finally(() => clearInterval(moving))).toEqual([{ id: one.id, x: 0.5, y: 0.5 }]);

    const third = client(port, { transports: ["polling"] });
    expect(await next(third, "board")).toEqual([{ strokes: [line], picture: null }]);
    const picture = Buffer.alloc(300_000, "p");
    const shown = Promise.all([one, two, third].map((socket) => next(socket, "picture")));
    expect(await ask(two, "picture", picture)).toEqual([null, picture.length]);
    for (const [bytes] of await shown) expect(picture.equals(bytes)).toBe(true);
    expect(await ask(two, "picture", "text")).toEqual(["not a picture"]);
    const late = client(port);
    const [board] = await next(late, "board");
    expect(board.strokes).toEqual([]);
    expect(picture.equals(board.picture)).toBe(true);

    const cleared = next(late, "clear");
    one.emit("clear");
    await cleared;
    const { id } = one;
    const gone = next(late, "cursor gone");
    one.disconnect();
    expect(await gone).toEqual([id]);
    expect(own).toEqual([]);
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toBe("nothing here");
  });

  test("a presence list with fetchSockets", async () => {
    const { port } = await run("presence", module);
    const query = (name: string) => ({ query: { name } });
    const anna = await connected(port, query("anna"));
    const opened = next(anna, "room opened");
    expect(await ask(anna, "enter", "blue")).toEqual([["room:blue"]]);
    expect(await opened).toEqual(["room:blue"]);
    const bert = await connected(port, query("bert"));
    const members = next(anna, "members");
    await ask(bert, "enter", "blue");
    expect(await members).toEqual(["room:blue", ["anna", "bert"]]);
    const carl = await connected(port, query("carl"));
    await ask(carl, "enter", "red");
    expect(await ask(carl, "who")).toEqual([["anna", "bert", "carl"], 3, 3]);
    expect(await ask(carl, "rooms")).toEqual([{ "room:blue": 2, "room:red": 1 }]);
    const [details] = await ask(carl, "details", "blue");
    expect(details).toHaveLength(2);
    expect(details).toContainEqual({ id: bert.id, name: "bert", rooms: ["room:blue"] });

    const closed = next(anna, "room closed");
    await ask(anna, "move", "blue", "red");
    expect(await closed).toEqual(["room:blue"]);
    expect(await ask(carl, "rooms")).toEqual([{ "room:red": 3 }]);

    const removed = next(bert, "removed");
    const gone = next(bert, "disconnect");
    const left = next(carl, "left");
    expect(await ask(anna, "remove", "bert")).toEqual([1]);
    expect(await removed).toEqual(["by anna"]);
    expect((await gone)[0]).toBe("io server disconnect");
    expect(await left).toEqual(["room:red", "bert"]);
    expect((await ask(carl, "who"))[0]).toEqual(["anna", "carl"]);
  });

  test("an authenticated dynamic namespace", async () => {
    const { port } = await run("tenants", module);
    const tenant = (name: string, key: string) =>
      client(port, { auth: { key }, reconnection: false }, `/tenant-${name}`);
    const acme = [tenant("acme", "a"), tenant("acme", "a")];
    for (const [welcome] of await Promise.all(acme.map((socket) => next(socket, "welcome")))) {
      expect(welcome).toEqual({ tenant: "acme", namespace: "/tenant-acme" });
    }
    const globex = tenant("globex", "g");
    await next(globex, "welcome");
    const elsewhere = heard(globex, "said");
    const said = Promise.all(acme.map((socket) => next(socket, "said")));
    acme[0]!.emit("say", "hello");
    expect(await said).toEqual([["hello"], ["hello"]]);
    expect(await ask(acme[0]!, "how many")).toEqual([2]);

    const [wrong] = await next(tenant("acme", "g"), "connect_error");
    expect([wrong.message, wrong.data]).toEqual(["wrong key", { tenant: "acme" }]);
    expect((await next(tenant("nobody", "a"), "connect_error"))[0].message).toBe("no such tenant");
    const invalid = client(port, { reconnection: false }, "/tenant/acme");
    expect((await next(invalid, "connect_error"))[0].message).toBe("Invalid namespace");

    const channel = await connected(port, { auth: { open: true } }, "/channel-7");
    const echo = next(channel, "said");
    channel.emit("say", 7);
    expect(await echo).toEqual([7]);
    const shut = client(port, { auth: { open: false }, reconnection: false }, "/channel-8");
    expect((await next(shut, "connect_error"))[0].message).toBe("Invalid namespace");

    const main = await connected(port);
    const everywhere = Promise.all([...acme, globex].map((socket) => next(socket, "said")));
    main.emit("tell every tenant", "news");
    expect(await everywhere).toEqual([["news"], ["news"], ["news"]]);
    expect(elsewhere).toEqual([["news"]]);
    expect((await ask(main, "opened"))[0]).toEqual(
      expect.arrayContaining(["/channel-7", "/tenant-acme", "/tenant-globex"]),
    );
    for (const socket of [...acme, channel]) socket.disconnect();
    await vi.waitFor(async () => expect((await ask(main, "open now"))[0]).toEqual(["/", "/tenant-globex"]));
    const again = tenant("acme", "a");
    await next(again, "welcome");
    expect(await ask(again, "how many")).toEqual([1]);
  });

  test("a TypeScript application with typed events", async () => {
    const code = changed(readFileSync(join(apps, "typed/server.ts"), "utf8"), module);
    expect(typeErrors({ "server.ts": code })).toEqual({});
    const { port } = await run("typed", module);
    const auth = (name: string) => ({ auth: { name } });
    const [anna, bert] = [await connected(port, auth("anna")), await connected(port, auth("bert"))];
    const alone = next(anna, "score");
    expect(await ask(anna, "join", "blue")).toEqual([{ name: "blue", members: 1 }]);
    expect(await alone).toEqual(["blue", 1]);
    const score = next(anna, "score");
    expect(await ask(bert, "join", "blue")).toEqual([{ name: "blue", members: 2 }]);
    expect(await score).toEqual(["blue", 2]);
    const votes = next(bert, "votes");
    anna.emit("vote", 2);
    expect(await votes).toEqual([2, 1]);

    anna.on("question", (_text, choices: string[], answer) => answer(choices.length));
    bert.on("question", (_text, _choices, answer) => answer(1));
    expect(await ask(anna, "start")).toEqual([{ answers: [1, 2], missing: 0 }]);
    const silent = await connected(port, auth("silent"));
    expect((await ask(anna, "start"))[0]).toMatchObject({ missing: 1 });
    silent.disconnect();
    const left = next(anna, "left");
    bert.disconnect();
    expect(await left).toEqual(["bert", "client namespace disconnect"]);
    const nameless = client(port, { reconnection: false });
    expect((await next(nameless, "connect_error"))[0].message).toBe("a name, please");
  });
});
