// The services that this admin knows: what they are called and which program each one is. Safe to import in the browser.

export const SERVICES = [
  { name: "postgres", title: "PostgreSQL", summary: "The database behind the console: a real one, embedded." },
  { name: "api", title: "API", summary: "Answers HTTP requests on a loopback port and logs each one." },
  { name: "gateway", title: "Gateway", summary: "Passes requests on under steady load, with an access log." },
  { name: "worker", title: "Worker", summary: "Hashes random data, one job after another." },
  { name: "metrics", title: "Metrics", summary: "Reads the machine's load and its own memory." },
] as const;

export type ServiceName = (typeof SERVICES)[number]["name"];

export function isService(name: unknown): name is ServiceName {
  return SERVICES.some((service) => service.name === name);
}

/** What a service is called on a page. */
export function titleOf(name: string): string {
  return SERVICES.find((service) => service.name === name)?.title ?? name;
}

/**
 * The room of one service's log. Each line is emitted to this room alone: a second emit to a room of all logs would reach a page in both
 * twice. A page that shows all services joins all their rooms.
 */
export function logRoom(name: ServiceName): string {
  return `logs:${name}`;
}
