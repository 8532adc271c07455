// POST /api/database/query `{ queryId, sql }`: runs SQL. The answer says that it was taken; the result is pushed to the user's consoles.

import { emitDbQueryResult, getWebSocketServer } from "nself-realtime";
import { Refusal, success } from "@/lib/api/answer";
import { readBody, textField } from "@/lib/api/body";
import { guarded } from "@/lib/api/guarded";
import { isRunning, query } from "@/lib/database/client";
import { databaseRoom } from "@/lib/database/room";

/** Words of SQL that change tables, or how many rows they have. */
const CHANGES = /\b(?:create|drop|alter|truncate|insert|delete|rename)\b/i;

export const POST = guarded(async (request, { userId }) => {
  const body = await readBody(request);
  const queryId = textField(body, "queryId", 64);
  const sql = textField(body, "sql", 20_000);
  if (!isRunning()) throw new Refusal(409, "PostgreSQL is not running");
  query(queryId, sql).then(
    (result) => {
      emitDbQueryResult(result, databaseRoom(userId));
      // Every console shows the tables.
      if (CHANGES.test(sql)) getWebSocketServer().broadcast("resource:changed", { resource: "tables" });
    },
    (error) => console.error(error),
  );
  return success({ queryId }, 202);
});
