"use client";
// useDbQueryResult: the answer to one database query.

import { type DbQueryResultEvent, EventName } from "../events.js";
import { latestByKey } from "./keyed-store.js";
import { useLatest } from "./use-latest.js";

/** Most results kept: their rows can be large. */
export const RESULT_LIMIT = 20;

const store = latestByKey(EventName.DbQueryResult, (event) => event.queryId, RESULT_LIMIT);

/** What {@link useDbQueryResult} returns. */
export interface UseDbQueryResult {
  /** The answer, once it is there. */
  result: DbQueryResultEvent | undefined;
  /** A query was asked for, and its answer is not there yet. */
  isPending: boolean;
  /** Why the query failed, if the answer says so. */
  error: string | undefined;
}

/**
 * Follows `db:query:result` events and gives the one of `queryId`. With null it keeps the last 20 results, so that an answer that
 * comes before its query's id is known is not missed: mount the component first, then start the query.
 */
export function useDbQueryResult(queryId: string | null): UseDbQueryResult {
  const { one: result } = useLatest(store, queryId);
  return { result, isPending: queryId !== null && result === undefined, error: result?.error };
}
