// PostgreSQL, embedded (PGlite), in a process of its own: a long query does not hold up the admin, and can be ended. It answers the admin's
// `{ id, sql, maxRows }` by IPC with one result each, in order.

import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { SEED } from "./postgres-seed.mjs";
import { toColumns, toPlain } from "./postgres-values.mjs";
import { endWhenAsked, ready } from "./service.mjs";

const folder = process.env.NSELF_DATA ? join(process.env.NSELF_DATA, "postgres") : undefined;
let database;
endWhenAsked(() => database?.close());
console.log(folder ? "opening the database" : "opening a database in memory");
const start = performance.now();
database = await PGlite.create({ dataDir: folder });
const { rows } = await database.query("select to_regclass('public.customers') is not null as seeded, version()");
if (!rows[0].seeded) {
  console.log("filling a new database with examples");
  await database.exec(SEED);
}
console.log(rows[0].version.replace(/ on .*/, ""));
console.log(`open after ${(performance.now() - start).toFixed(0)} ms`);

async function run({ id, sql, maxRows }) {
  const began = performance.now();
  try {
    const results = await database.exec(sql, { rowMode: "array" });
    const executionTime = performance.now() - began;
    // Of several statements the last one with rows is shown, as psql's last output.
    const last = results.findLast(({ fields }) => fields.length > 0) ?? results.at(-1);
    const affected = results.reduce((sum, { affectedRows = 0 }) => sum + affectedRows, 0);
    const rowCount = last?.fields.length ? last.rows.length : affected;
    console.log(`query ${id.slice(0, 8)}: ${rowCount} rows in ${executionTime.toFixed(1)} ms`);
    const shown = (last?.rows ?? []).slice(0, maxRows).map((row) => row.map(toPlain));
    return { id, rows: shown, rowCount, fields: toColumns(last?.fields), executionTime };
  } catch (error) {
    console.error(`error: query ${id.slice(0, 8)}: ${error.message}`);
    const place = error.position ? ` (at character ${error.position})` : "";
    return {
      id,
      rows: [],
      rowCount: 0,
      fields: [],
      executionTime: performance.now() - began,
      error: error.message + place,
    };
  }
}

let queue = Promise.resolve();
process.on("message", (message) => {
  queue = queue.then(async () => process.send?.(await run(message)));
});
ready();
