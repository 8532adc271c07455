// `doctor --url`: connects to a real-time server by each way that a client may take, and says which of them do not work.

import { UsageError } from "../../arguments.js";
import { type Check, note, ok, problem } from "../check.js";
import { engineCode, explain, explainError } from "./explain.js";
import { fetchText, Refusal } from "./http.js";
import { WebSocketProbe } from "./web-socket.js";

interface Handshake {
  sid: string;
  upgrades: string[];
  /** In ms. */
  pingInterval: number;
  pingTimeout: number;
}

export interface UrlOptions {
  path: string;
  /** Also waits for a ping on a quiet connection. */
  idle: boolean;
}

/** Checks long-polling, WebSocket, the upgrade from one to the other, and with `idle` a quiet connection. */
export async function checkUrl(text: string, { path, idle }: UrlOptions): Promise<Check[]> {
  const target = new Target(text, path);
  const checks = [
    await target.check("long-polling", false, () => target.poll()),
    await target.check("WebSocket", true, () => target.webSocket()),
    await target.check("upgrade", true, () => target.upgrade()),
  ];
  const connects = checks.some(({ status }) => status !== "problem");
  if (idle && connects) checks.push(await target.check("quiet connection", true, () => target.stayQuiet()));
  return checks;
}

class Target {
  readonly #base: URL;
  readonly #path: string;

  constructor(text: string, path: string) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^(?:http|ws)s?:$/.test(url.protocol))
      throw new UsageError(`--url must be an http or https URL, not "${text}"`);
    this.#path = `/${path.replace(/^\/|\/$/g, "")}`;
    this.#base = new URL(`${this.#path}/`, url.href.replace(/^ws/, "http"));
  }

  #url(query: Record<string, string>): URL {
    const url = new URL(this.#base);
    url.search = new URLSearchParams({ EIO: "4", ...query }).toString();
    return url;
  }

  async check(name: string, upgrading: boolean, work: () => Promise<{ found: string; mend?: string }>): Promise<Check> {
    try {
      const { found, mend } = await work();
      return mend === undefined ? ok(name, found) : note(name, found, mend);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (error instanceof Refusal && engineCode(error.answer) === 0) {
        return note(name, "the server does not offer it", "its option transports decides");
      }
      const { found, mend } =
        error instanceof Refusal ? explain(error.answer, this.#path, upgrading) : explainError(error, upgrading);
      return problem(name, found, mend);
    }
  }

  async #pollingSession(): Promise<Handshake> {
    const answer = await fetchText(this.#url({ transport: "polling" }));
    return handshake(answer.body) ?? fail(new Refusal(answer));
  }

  /** Asks for the namespace `/` by long-polling. */
  async #ask(sid: string): Promise<string> {
    const url = this.#url({ transport: "polling", sid });
    const asked = await fetchText(url, {
      method: "POST",
      body: "40",
      headers: { "content-type": "text/plain;charset=UTF-8" },
    });
    if (asked.status !== 200) throw new Refusal(asked);
    const answer = await fetchText(url);
    return /^4[04]/.test(answer.body) ? answer.body : fail(new Refusal(answer));
  }

  async poll(): Promise<{ found: string }> {
    const { sid } = await this.#pollingSession();
    const answer = await this.#ask(sid);
    await fetchText(this.#url({ transport: "polling", sid }), { method: "POST", body: "1" });
    return { found: outcome(answer) };
  }

  async #connected<T>(work: (socket: WebSocketProbe, given: Handshake) => Promise<T>): Promise<T> {
    const socket = await WebSocketProbe.to(this.#url({ transport: "websocket" }));
    try {
      const first = await socket.next();
      const given = handshake(first);
      if (!given) throw new Error(`the first message is not that of a Socket.IO server: ${first.slice(0, 100)}`);
      return await work(socket, given);
    } finally {
      socket.close();
    }
  }

  webSocket(): Promise<{ found: string }> {
    return this.#connected(async (socket) => {
      socket.send("40");
      return { found: outcome(await socket.next()) };
    });
  }

  /** As clients do that begin by long-polling. */
  async upgrade(): Promise<{ found: string; mend?: string }> {
    const { sid, upgrades } = await this.#pollingSession();
    if (!upgrades.includes("websocket")) {
      return {
        found: "the server offers none",
        mend: "allowUpgrades and transports decide; on Windows a shared port has no WebSockets",
      };
    }
    const socket = await WebSocketProbe.to(this.#url({ transport: "websocket", sid }));
    try {
      socket.send("2probe");
      const answer = await socket.next();
      if (answer !== "3probe") throw new Error(`the answer to the probe is ${answer.slice(0, 100)}`);
      socket.send("5");
      socket.send("40");
      return { found: outcome(await socket.next()) };
    } finally {
      socket.close();
    }
  }

  /** Nothing is sent until the server's ping. */
  stayQuiet(): Promise<{ found: string }> {
    return this.#connected(async (socket, { pingInterval, pingTimeout }) => {
      const message = await socket.next(pingInterval + pingTimeout);
      if (message !== "2") throw new Error(`not a ping came but ${message.slice(0, 100)}`);
      return { found: `it holds for ${pingInterval / 1000} s, until the server's ping` };
    });
  }
}

function fail(error: Error): never {
  throw error;
}

/** Engine.IO's first packet. */
function handshake(text: string): Handshake | undefined {
  try {
    const found = JSON.parse(text.slice(1)) as Handshake;
    return text.startsWith("0") && typeof found.sid === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

/** What became of the wish for a namespace: a refusal by `authenticate` has come all the way as well. */
function outcome(packet: string): string {
  const [, reason] = /^44.*"message":"([^"]*)"/.exec(packet) ?? [];
  return reason === undefined ? "connects" : `works; the application refuses a visitor without a session: ${reason}`;
}
