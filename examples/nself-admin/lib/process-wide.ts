// One object for the whole process. Next loads a module once for each route bundle, and again after an edit: what must exist once hangs
// on globalThis.

const KEY = Symbol.for("nself-admin-example");
const shared = globalThis as { [KEY]?: Map<string, unknown> };

/** Returns the process's object of this name, made by the first caller. */
export function processWide<T>(name: string, make: () => T): T {
  shared[KEY] ??= new Map();
  if (!shared[KEY].has(name)) shared[KEY].set(name, make());
  return shared[KEY].get(name) as T;
}
