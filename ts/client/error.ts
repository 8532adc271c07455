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

/** Reports `error` as uncaught, after the current code: one bad listener must not cost the others their event. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
