// What becomes of a change that the server tells: whom to call, how often, and how SWR and TanStack Query hear of it. No React here.

import { throwLater } from "../client/error.js";
import type { ResourceChangedEvent } from "../events.js";

/** Called with each change. Its `resource` may be `*`: anything may have changed, so load everything anew. */
export type OnInvalidate = (change: ResourceChangedEvent) => void;

/** What to call for which resource; each of them where everything may have changed. */
export type InvalidationMap = Readonly<Record<string, OnInvalidate>>;

/** Anything may have changed. */
export const EVERYTHING: ResourceChangedEvent = Object.freeze({ resource: "*" });

/** Time, in ms, in which the changes that follow one are gathered. */
export const GATHER = 500;

/** A function, or the functions of a map, as one function. */
export function toFunction(target: OnInvalidate | InvalidationMap): OnInvalidate {
  if (typeof target === "function") return target;
  return (change) => {
    for (const [resource, call] of Object.entries(target)) {
      if (change.resource === resource || change.resource === "*") call(change);
    }
  };
}

/** Passes changes on: one at once, those that follow it closely together and each only once, so that a burst is no burst of requests. */
export class Gatherer {
  readonly #waiting = new Map<string, ResourceChangedEvent>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly pass: OnInvalidate) {}

  add(change: ResourceChangedEvent): void {
    const { resource, id } = change;
    if (resource === "*") this.#waiting.clear();
    if (!this.#waiting.has("*")) this.#waiting.set(resource === "*" ? "*" : JSON.stringify([resource, id]), change);
    if (this.#timer === undefined) this.#flush();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #flush(): void {
    const due = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#timer = due.length > 0 ? setTimeout(() => this.#flush(), GATHER) : undefined;
    for (const change of due) {
      try {
        this.pass(change);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}

/** `mutate` of SWR, as far as it is used here. */
export type SwrMutate = (matches: (key?: unknown) => boolean) => unknown;

/** A QueryClient of TanStack Query, as far as it is used here. */
export interface QueryInvalidator {
  invalidateQueries(filters?: { queryKey: readonly unknown[] }): unknown;
}

/**
 * For {@link useInvalidation}: SWR loads anew what has the changed resource in its key. That is a key that is its name, an array that
 * begins with it, or a path of which it is a part, such as `/api/services/postgres?all` of `services`.
 */
export function swrInvalidation(mutate: SwrMutate): OnInvalidate {
  return ({ resource }) => void mutate((key) => resource === "*" || isOf(key, resource));
}

/** For {@link useInvalidation}: TanStack Query loads anew what has a key that begins with the changed resource. */
export function queryInvalidation(client: QueryInvalidator): OnInvalidate {
  return ({ resource }) =>
    void (resource === "*" ? client.invalidateQueries() : client.invalidateQueries({ queryKey: [resource] }));
}

function isOf(key: unknown, resource: string): boolean {
  if (Array.isArray(key)) return isOf(key[0], resource);
  return typeof key === "string" && (key.split(/[?#]/)[0] as string).split("/").includes(resource);
}
