// GET /api/database/tables: the tables of the database, with their columns.

import { randomUUID } from "node:crypto";
import { Refusal, success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";
import { isRunning, query } from "@/lib/database/client";
import type { Table } from "@/lib/database/types";

const TABLES = `
  select t.table_name, string_agg(c.column_name, ',' order by c.ordinal_position)
  from information_schema.tables t join information_schema.columns c using (table_schema, table_name)
  where t.table_schema = 'public' group by 1 order by 1`;

export const GET = guarded(async () => {
  if (!isRunning()) throw new Refusal(409, "PostgreSQL is not running");
  const { rows, error } = await query(randomUUID(), TABLES);
  if (error) throw new Refusal(503, error);
  const tables = (rows as Array<[string, string]>).map(
    ([name, columns]): Table => ({ name, columns: columns.split(",") }),
  );
  return success(tables);
});
