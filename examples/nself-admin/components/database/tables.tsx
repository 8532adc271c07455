"use client";
// The tables of the database; a click puts a query for one into the editor.

import type { Table } from "@/lib/database/types";

interface Props {
  tables: readonly Table[];
  error: string | null;
  onChoose: (sql: string) => void;
}

export function Tables({ tables, error, onChoose }: Props) {
  return (
    <section className="card tables" aria-labelledby="tables">
      <h2 id="tables">Tables</h2>
      {tables.length === 0 && <p className="quiet">{error ? "–" : "There are none yet."}</p>}
      <ul>
        {tables.map(({ name, columns }) => (
          <li key={name}>
            <button
              type="button"
              className="plain"
              onClick={() => onChoose(`select * from "${name}" order by 1 limit 50;`)}
            >
              <strong>{name}</strong>
              <small>{columns.join(", ")}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
