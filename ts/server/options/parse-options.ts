// Checks the options and turns them into what the native side needs. An option that would be ignored is refused instead.

import { known, object, refused } from "./option-checks.js";
import { DESTROY_UPGRADE, OPTIONS, type Option, type ParsedOptions, REFUSED } from "./option-table.js";
import { refuseBuiltIn } from "./schemas.js";

/** Checks Socket.IO's options. Throws ERR_INVALID_OPTION or ERR_UNSUPPORTED_OPTION, naming the option. */
export function parseServerOptions(options: object): ParsedOptions {
  return parse(
    options,
    Object.entries(OPTIONS).filter(([, { layerOnly }]) => !layerOnly),
    "server",
  );
}

/** Checks the options of the real-time layer, the same way. */
export function parseRealtimeOptions(options: object): ParsedOptions {
  const parsed = parse(options, Object.entries(OPTIONS), "realtime");
  refuseBuiltIn(parsed.schemas);
  parsed.native.nselfLayer = true;
  parsed.native.presenceStaleAfter ??= (OPTIONS.presence.realtime as { staleAfter: number }).staleAfter;
  return parsed;
}

/** Options of Engine.IO. */
const OF_ENGINE = [
  ...["pingTimeout", "pingInterval", "upgradeTimeout", "maxHttpBufferSize", "transports", "allowUpgrades"],
  ...["httpCompression", "cors", "cookie", "allowRequest", "perMessageDeflate", "allowEIO3"],
];

/** Those of Engine.IO as they were given, with Socket.IO's defaults. */
export function engineOptions(given: object): Readonly<Record<string, unknown>> {
  const table = OPTIONS as Record<string, Option>;
  const value = (name: string) => (given as Record<string, unknown>)[name] ?? table[name]?.server ?? false;
  return Object.fromEntries(OF_ENGINE.map((name) => [name, value(name)]));
}

function parse(
  options: object,
  table: Array<[name: string, option: Option]>,
  of: "server" | "realtime",
): ParsedOptions {
  const names = table.map(([name]) => name);
  const given = known("", withoutRefused(object("options", options)), names);
  const parsed: ParsedOptions = {
    native: {},
    path: "",
    serveClient: of === "server",
    ownsBelow: of === "server",
    destroyUpgradeAfter: of === "server" ? DESTROY_UPGRADE : undefined,
    shutdownTimeout: OPTIONS.shutdownTimeout.realtime as number,
    requestTimeout: OPTIONS.requestTimeout.realtime as number,
  };
  for (const [name, option] of table) {
    // Socket.IO's own defaults are the native side's, too.
    const isOwn = name === "path" || option[of] !== option.server;
    const value = given.has(name) ? given.get(name) : isOwn && !option.layerOnly ? option[of] : undefined;
    if (value !== undefined) option.apply(value, parsed, name);
  }
  const { native } = parsed;
  if (parsed.authenticate && native.recoverySkipsMiddlewares) native.recoverySkipsMiddlewares = false;
  return parsed;
}

function withoutRefused(options: Record<string, unknown>): Record<string, unknown> {
  const rest = { ...options };
  for (const [name, { why, falseIsFine }] of Object.entries(REFUSED)) {
    const value = rest[name];
    delete rest[name];
    if (value !== undefined && !(falseIsFine && value === false)) refused(name, why);
  }
  return rest;
}
