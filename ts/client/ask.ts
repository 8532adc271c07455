// One question to the server: sent, answered, and sent again where the answer does not come.

import type { Socket } from "socket.io-client";
import { RealtimeClientError } from "./error.js";

export interface Question {
  type: string;
  args: readonly unknown[];
  /** Longest wait for the answer to one attempt, in ms. */
  timeout: number;
  retries: number;
  /** Sends now or later; throws or calls `fail` when it cannot. */
  post(send: (socket: Socket) => void, fail: (error: unknown) => void): void;
}

/** Rejects with what `post` says as long as nothing was sent; after that with `ERR_TIMEOUT` or `ERR_DISCONNECTED`, since it may have arrived. */
export function ask<T>({ type, args, timeout, retries, post }: Question): Promise<T> {
  return new Promise((resolve, reject) => {
    const disconnected = () =>
      reject(new RealtimeClientError("ERR_DISCONNECTED", `The connection ended before "${type}" was answered`));
    const attempt = (left: number, fail: (error: unknown) => void) => {
      const send = (socket: Socket) =>
        socket.timeout(timeout).emit(type, ...args, (failed: unknown, answer: T) => {
          if (!failed) resolve(answer);
          else if (left > 0) attempt(left - 1, disconnected);
          else if (socket.connected) reject(timedOut(type, timeout));
          else disconnected();
        });
      try {
        post(send, fail);
      } catch (error) {
        fail(error);
      }
    };
    attempt(retries, reject);
  });
}

export function timedOut(type: string, timeout: number): RealtimeClientError {
  return new RealtimeClientError("ERR_TIMEOUT", `The server did not answer "${type}" within ${timeout} ms`);
}
