// What broke a connection, as Engine.IO describes it.

/** The `description` of an end by "transport error". */
export function transportError(text: string | undefined): Error | undefined {
  return text === undefined ? undefined : Object.assign(new Error(text), { type: "TransportError" });
}
