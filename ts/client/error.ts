// The error that client code throws, and the way to report an error without stopping the code at hand.

/**
 * Thrown by the client. `code` is stable: `ERR_QUEUE_FULL`, `ERR_OFFLINE`, `ERR_RESERVED_EVENT` by `emit`; these, `ERR_EXPIRED`,
 * `ERR_TIMEOUT` and `ERR_DISCONNECTED` by `emitWithAck`; `ERR_PRESENCE` by `presenceFrom`.
 */
export class RealtimeClientError extends Error {
  override readonly name = "RealtimeClientError";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

// `instanceof` holds for the class of another copy of this module, too: a page has two where one part imports the package and another
// requires it.
Object.defineProperty(RealtimeClientError, Symbol.hasInstance, {
  value(this: unknown, value: unknown) {
    if (this !== RealtimeClientError) return Function.prototype[Symbol.hasInstance].call(this as object, value);
    return value instanceof Error && value.name === "RealtimeClientError";
  },
});

/** Reports `error` as uncaught, after the current code: one bad listener must not cost the others their event. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
