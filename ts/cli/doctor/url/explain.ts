// What an answer that is not the real-time server's tells of what stands in between.

import type { Answer } from "./http.js";

export interface Explanation {
  found: string;
  mend: string;
}

const DEPLOYMENT = "see docs/deployment.md, Behind a proxy";

/** Who answered, as far as the answer tells. */
function who({ headers }: Answer): string {
  const names = [headers.server, headers["x-powered-by"], headers.via && `via ${headers.via}`].filter(Boolean);
  return names.length > 0 ? ` (${names.join(", ")})` : "";
}

/** The `code` of Engine.IO's own refusals. */
export function engineCode({ body }: Answer): number | undefined {
  try {
    return (JSON.parse(body) as { code?: number }).code;
  } catch {
    return undefined;
  }
}

const noServer = (path: string): string =>
  `is ${path} the path of the server (--path), and does the server run in that process? In the application's folder: npx nself-realtime doctor`;

/** A refusal, whose cause is known or likely. `upgrading`: the request was a WebSocket handshake. */
export function explain(answer: Answer, path: string, upgrading: boolean): Explanation {
  const { status, headers, body } = answer;
  const code = engineCode(answer);
  const found = `${status}${who(answer)}`;
  if (status >= 300 && status < 400) {
    const { location = "" } = headers;
    const same = location.split("?")[0]?.replace(/\/$/, "").endsWith(path);
    return {
      found: `${found}: redirects to ${location}`,
      mend: same
        ? `something before the real-time server takes the path (Next does, where no server runs): ${noServer(path)}`
        : `let ${path} pass: a login page, a redirect of the proxy or another host stands before it. Use the URL that it leads to, or except the path`,
    };
  }
  if (code === 1) {
    return {
      found: `${found}: the session is not known any more`,
      mend: "the requests of one client reach different processes: sticky sessions, or one process; see docs/deployment.md, More than one process",
    };
  }
  if (code === 3 && upgrading) {
    return {
      found: `${found}: the handshake arrived as a plain request`,
      mend: `the proxy does not pass Upgrade and Connection on: nginx needs proxy_http_version 1.1 and both headers set; ${DEPLOYMENT}`,
    };
  }
  if (code === 4) {
    return {
      found: `${found}: ${body.slice(0, 200)}`,
      mend: `the Origin of this URL is not the Host that the server sees: the proxy must pass Host on, with the port, or give X-Forwarded-Host and the option trustProxy; ${DEPLOYMENT}`,
    };
  }
  if (status === 401 || status === 403) {
    return {
      found: `${found}: refused before the real-time server`,
      mend: `let ${path} pass without a login: authenticate of the real-time server decides who may connect`,
    };
  }
  if (status === 404 || (status === 200 && code === undefined)) {
    return { found: `${found}: another server answered`, mend: noServer(path) };
  }
  if (status === 429)
    return {
      found,
      mend: "too many handshakes from this address; behind a proxy say trustProxy, else all clients are the proxy",
    };
  if (status === 413) return { found, mend: "the proxy allows smaller bodies than a message: raise its limit" };
  if (status === 502 || status === 503 || status === 504) {
    return {
      found,
      mend: `the proxy does not reach the application, or the application is full or ends: look at its log; ${DEPLOYMENT}`,
    };
  }
  if (upgrading) {
    return {
      found: `${found} instead of 101`,
      mend: `something in between does not let WebSockets through; clients stay on long-polling; ${DEPLOYMENT}`,
    };
  }
  return { found: `${found}: ${body.slice(0, 200)}`, mend: noServer(path) };
}

const ERRORS: Record<string, string> = {
  ENOTFOUND: "the host's name is not known: is the URL right?",
  ECONNREFUSED: "nothing listens there: is the server up, and is this its port?",
  ECONNRESET: `the connection was cut without an answer: by a firewall, or by a proxy that does not know this protocol; ${DEPLOYMENT}`,
  ETIMEDOUT: `something in between holds the answer back: buffering must be off (nginx: proxy_buffering off); ${DEPLOYMENT}`,
  CLOSED: `something in between closes the connection: its timeout for quiet connections must be above the server's pingInterval; ${DEPLOYMENT}`,
  TLS: "this port does not speak TLS: http:// instead of https://?",
};

/** An error of the network. `upgrading`: in a WebSocket handshake. */
export function explainError(error: Error & { code?: string }, upgrading: boolean): Explanation {
  const { code = "", message } = error;
  if (upgrading && code === "ETIMEDOUT") {
    return {
      found: message,
      mend: `something in between swallows WebSockets; clients stay on long-polling; ${DEPLOYMENT}`,
    };
  }
  const certificate = /CERT|SELF_SIGNED|ALTNAME/.test(code);
  const mend = certificate
    ? "browsers refuse this certificate as well: mend it, or for a private authority start this with NODE_EXTRA_CA_CERTS"
    : (ERRORS[/^EPROTO$|_SSL_/.test(code) ? "TLS" : code] ?? "look at the network between here and there");
  return { found: [code, message].filter((part) => part !== "").join(": "), mend };
}
