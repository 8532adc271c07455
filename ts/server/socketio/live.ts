// Sets and maps whose content the native side has: each look reads it anew.

import { inspect } from "node:util";
import { unsupported } from "../process/errors.js";

/** A Set to look at. */
export class LiveSet<T> extends Set<T> {
  readonly #read: () => Iterable<T>;

  constructor(read: () => Iterable<T>) {
    super();
    this.#read = read;
  }

  /** What it holds now. */
  #now(): Set<T> {
    return new Set(this.#read());
  }

  override get size(): number {
    return this.#now().size;
  }

  override has(value: T): boolean {
    return this.#now().has(value);
  }

  override forEach(callback: (value: T, again: T, set: Set<T>) => void, self?: unknown): void {
    this.#now().forEach((value) => {
      callback.call(self, value, value, this);
    });
  }

  override keys(): SetIterator<T> {
    return this.#now().keys();
  }

  override values(): SetIterator<T> {
    return this.#now().values();
  }

  override entries(): SetIterator<[T, T]> {
    return this.#now().entries();
  }

  override [Symbol.iterator](): SetIterator<T> {
    return this.#now()[Symbol.iterator]();
  }

  override add(): this {
    return readOnly();
  }

  override delete(): boolean {
    return readOnly();
  }

  override clear(): void {
    // The constructor of a Set adds nothing, so nobody else comes here.
    readOnly();
  }

  [inspect.custom](): Set<T> {
    return this.#now();
  }
}

/** A Map to look at. */
export class LiveMap<K, V> extends Map<K, V> {
  readonly #read: () => Map<K, V>;
  readonly #get: (key: K) => V | undefined;

  /** `get` looks up one key without reading all. */
  constructor(read: () => Map<K, V>, get: (key: K) => V | undefined) {
    super();
    this.#read = read;
    this.#get = get;
  }

  override get size(): number {
    return this.#read().size;
  }

  override get(key: K): V | undefined {
    return this.#get(key);
  }

  override has(key: K): boolean {
    return this.#get(key) !== undefined;
  }

  override forEach(callback: (value: V, key: K, map: Map<K, V>) => void, self?: unknown): void {
    this.#read().forEach((value, key) => {
      callback.call(self, value, key, this);
    });
  }

  override keys(): MapIterator<K> {
    return this.#read().keys();
  }

  override values(): MapIterator<V> {
    return this.#read().values();
  }

  override entries(): MapIterator<[K, V]> {
    return this.#read().entries();
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#read()[Symbol.iterator]();
  }

  override set(): this {
    return readOnly();
  }

  override delete(): boolean {
    return readOnly();
  }

  override clear(): void {
    readOnly();
  }

  [inspect.custom](): Map<K, V> {
    return this.#read();
  }
}

function readOnly(): never {
  return unsupported("changing rooms by their list", "use join and leave");
}

// Those who compare, in tests as a rule, compare classes.
Object.defineProperty(LiveSet.prototype, "constructor", { value: Set });
Object.defineProperty(LiveMap.prototype, "constructor", { value: Map });

// The newer methods of a Set look into it by themselves.
for (const name of [
  ...["union", "intersection", "difference", "symmetricDifference"],
  ...["isSubsetOf", "isSupersetOf", "isDisjointFrom"],
]) {
  if (!(name in Set.prototype)) continue;
  const value = function (this: LiveSet<unknown>, other: unknown): unknown {
    const now = new Set(this) as unknown as Record<string, (other: unknown) => unknown>;
    return now[name]?.(other);
  };
  Object.defineProperty(LiveSet.prototype, name, { value, writable: true, configurable: true });
}
