// The answer to a query: its rows in a table, or why it failed.

import type { DbQueryResultEvent } from "nself-realtime/client";
import { duration } from "@/lib/client/format";
import { Empty } from "../parts/empty";
import { ErrorNote } from "../parts/error-note";

interface Props {
  result: DbQueryResultEvent | undefined;
  isPending: boolean;
}

/** PostgreSQL's types of numbers: their columns are aligned at the right. */
const NUMBERS = new Set([20, 21, 23, 26, 700, 701, 1700]);

export function Result({ result, isPending }: Props) {
  if (!result) {
    return (
      <section className="card result" aria-label="Result" aria-busy={isPending}>
        {isPending ? (
          <div className="loading" role="status">
            The query runs…
          </div>
        ) : (
          <Empty icon="database">Run a query and its rows appear here.</Empty>
        )}
      </section>
    );
  }
  const rows = result.rows as unknown[][];
  const summary = result.error
    ? "The query failed"
    : `${result.rowCount} ${result.rowCount === 1 ? "row" : "rows"}${rows.length < result.rowCount && result.fields.length > 0 ? `, the first ${rows.length} are shown` : ""}`;
  return (
    <section className="card result" aria-label="Result">
      <p className="message" role="status">
        {summary}
        {result.executionTime !== undefined && <small> in {duration(result.executionTime)}</small>}
      </p>
      <ErrorNote error={result.error} />
      {result.fields.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <section className="table-frame" aria-label="Rows" tabIndex={0}>
          <table className="rows">
            <thead>
              <tr>
                {result.fields.map(({ name, dataTypeID }, i) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have the same name
                  <th key={i} scope="col" data-number={NUMBERS.has(dataTypeID) || undefined}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name, and never move
                <tr key={i}>
                  {row.map((value, j) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
                    <td key={j} data-number={NUMBERS.has(result.fields[j]?.dataTypeID ?? 0) || undefined}>
                      {value === null ? <i className="quiet">null</i> : String(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
