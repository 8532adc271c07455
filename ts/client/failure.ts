// What a failed attempt to connect means.

/** Why an attempt failed, as the status tells it. */
export interface Failure {
  lastError: string;
  /** The server's, or one of the client's own; an attempt that reached no server has none. */
  code?: string;
}

// The same answer comes however often one asks with the same credentials, or for the same namespace.
const FINAL = new Set([
  "ERR_UNAUTHORIZED",
  "ERR_INVALID_TICKET",
  "ERR_TICKET_EXPIRED",
  "ERR_SESSION_ENDED",
  "ERR_INVALID_NAMESPACE",
]);

export function failureOf(error: Error & { data?: unknown }): Failure {
  const { message } = error;
  const code = (error.data as { code?: unknown } | null | undefined)?.code;
  if (typeof code === "string") return { lastError: message, code };
  // Socket.IO's own refusal, which has no data.
  return message === "Invalid namespace"
    ? { lastError: message, code: "ERR_INVALID_NAMESPACE" }
    : { lastError: message };
}

/** No server answered; a refusal by one is the same on every transport. */
export const isUnreachable = (error: Error): boolean => "type" in error || error.message === "timeout";

/** Trying again with the same credentials cannot help. */
export const isFinal = ({ code }: Failure): boolean => code !== undefined && FINAL.has(code);

/** The server ended it in good order, or a server that knows nothing of it answered; not: the network or the server broke. */
export function endedByServer(reason: string, details: unknown): boolean {
  if (reason === "io server disconnect") return true;
  const { description, context } = (details ?? {}) as { description?: unknown; context?: { wasClean?: unknown } };
  return context?.wasClean === true || description === "transport closed by the server" || description === 400;
}
