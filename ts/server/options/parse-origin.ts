// Checks `cors.origin`: a value that no browser ever sends would be a rule that silently allows nobody.

import { headerText, invalid } from "./option-checks.js";

/** A scheme and a host; only a page from a file has none. */
const ORIGIN = /^(?:file:\/\/|[a-z][a-z0-9+.-]*:\/\/[^/?#\s@]+)$/;

/** An origin as browsers write it, or `"*"`. Throws ERR_INVALID_OPTION, and says what is meant. */
export function checkOrigin(value: unknown): string {
  if (value === undefined) {
    invalid("cors.origin", 'an origin, but is undefined (is its environment variable set?); for any origin write "*"');
  }
  const origin = headerText("cors.origin", value);
  if (origin === "*" || origin === "null") return origin;
  const why = wrong(origin);
  if (why) invalid("cors.origin", `origins, as browsers send them; "${origin}" ${why}`);
  return origin;
}

/** What is wrong with an origin, and what it should be. */
function wrong(origin: string): string | undefined {
  if (/,/.test(origin)) return `is several: ${JSON.stringify(origin.split(",").map((part) => part.trim()))}`;
  if (/\s/.test(origin)) return `holds a space: "${origin.replace(/\s/g, "")}"`;
  if (origin.includes("*")) return `holds a wildcard: list each origin, or give the expression ${expression(origin)}`;
  if (!origin.includes("://")) return `has no scheme: "https://${origin.replace(/^\/+/, "")}"`;
  // Also brings the host into its form, and drops a default port.
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  const isOfTheWeb = url !== undefined && /^(?:https?|wss?):$/.test(url.protocol);
  const meant = isOfTheWeb ? `${url.protocol}//${url.host}` : origin.replace(/^([^:]*:\/\/[^/?#]*).*$/, "$1");
  if (!ORIGIN.test(meant)) return "is none";
  return meant === origin ? undefined : `can match nothing: "${meant}"`;
}

/** What an origin with wildcards means, as a regular expression: a `*` is one part of a name, or a port. */
function expression(origin: string): RegExp {
  const whole = origin.includes("://") ? origin : `https://${origin}`;
  const escaped = whole.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/:\*$/, ":\\d+").replaceAll("*", "[^./]+")}$`);
}
