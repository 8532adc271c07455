// Errors of the application's handlers. They are uncaught exceptions, as in Socket.IO, but for one kind: what Socket.IO has and this
// package has not must not end a server at its first client, long after it started.

import { EventEmitter } from "node:events";
import { RealtimeError } from "./errors.js";

/** Under this name an EventEmitter is told of a listener's promise that is rejected. */
export const REJECTION: typeof EventEmitter.captureRejectionSymbol = EventEmitter.captureRejectionSymbol;

const isUnsupported = (error: unknown): error is RealtimeError =>
  error instanceof RealtimeError && error.code === "ERR_UNSUPPORTED";

function tell(error: RealtimeError): void {
  console.error("nself-realtime: a handler stopped at something that is not there (see docs/socketio.md):", error);
}

/** Lets an error that a handler threw surface by itself, so that nothing else stops with it. */
export function raise(error: unknown): void {
  if (isUnsupported(error)) {
    tell(error);
    return;
  }
  process.nextTick(() => {
    throw error;
  });
}

/** Calls handlers in a later turn, where nobody else catches what they throw. */
export function later(handlers: () => void): void {
  process.nextTick(() => {
    try {
      handlers();
    } catch (error) {
      raise(error);
    }
  });
}

/** The same for a promise that a handler returned and that is rejected. */
export function raiseRejection(error: unknown): void {
  if (isUnsupported(error)) tell(error);
  else void Promise.reject(error);
}

/** Calls `stopped` if what a handler returned is rejected because of something that is not there; other rejections stay as they are. */
export function whenUnsupported(returned: unknown, stopped: () => void): void {
  if (!(returned instanceof Promise)) return;
  returned.catch((error: unknown) => {
    raiseRejection(error);
    if (isUnsupported(error)) stopped();
  });
}
