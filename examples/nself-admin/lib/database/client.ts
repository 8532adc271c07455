// Queries to the PostgreSQL service's process, by IPC.

import type { ChildProcess } from "node:child_process";
import type { DbQueryResultEvent } from "nself-realtime/client";
import { services } from "../services/manager";
import { timestamp } from "../timestamp";

/** Most rows that a result carries; `rowCount` tells of more. */
export const MOST_ROWS = 200;
/** Longest time for one query, in ms; then the database's process is ended, since nothing else ends a query there. */
const TIMEOUT = 10_000;

/** Whether the database can be asked now. */
export function isRunning(): boolean {
  return services().get("postgres").status.status === "running";
}

/** Runs `sql` and resolves with the result; a failure is a result with `error`. */
export function query(queryId: string, sql: string): Promise<DbQueryResultEvent> {
  const service = services().get("postgres");
  const failed = (error: string): DbQueryResultEvent => {
    return { queryId, rows: [], rowCount: 0, fields: [], timestamp: timestamp(), error };
  };
  const { child } = service;
  if (!child || !isRunning()) return Promise.resolve(failed("PostgreSQL is not running"));
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      service.kill("SIGKILL");
    }, TIMEOUT);
    const finish = (result: DbQueryResultEvent) => {
      clearTimeout(timer);
      child.off("message", onMessage);
      child.off("close", onClose);
      resolve(result);
    };
    const onMessage = (message: unknown) => {
      const { id, ...result } = message as { id?: string } & Omit<DbQueryResultEvent, "queryId" | "timestamp">;
      if (id === queryId) finish({ queryId, ...result, timestamp: timestamp() });
    };
    const onClose = () => {
      const limit = `the query took longer than ${TIMEOUT / 1000} s, so PostgreSQL was ended: start it again`;
      finish(failed(late ? limit : "PostgreSQL stopped before it answered"));
    };
    child.on("message", onMessage);
    child.once("close", onClose);
    send(child, { id: queryId, sql, maxRows: MOST_ROWS });
  });
}

function send(child: ChildProcess, message: object): void {
  // A process that is just ending takes no message; its close answers.
  child.send(message, () => {});
}
