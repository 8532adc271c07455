// Medians, spread, and the table.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function number(value) {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function cell(values) {
  if (!values?.length) return "–";
  const [low, high] = [Math.min(...values), Math.max(...values)].map(number);
  return low === high ? low : `${number(median(values))} (${low}–${high})`;
}

/** Ours, as a multiple of the best of the others: below 1 is a win. The floor is no peer. */
function ratio(row, servers, results) {
  const of = (server) => results.get(server.name)?.values[row.name];
  const mine = servers.find((server) => server.ours && of(server));
  const peers = servers.filter((server) => !server.ours && !server.floor && of(server)).map((s) => median(of(s)));
  if (!mine || row.moreIsBetter || peers.length === 0) return "–";
  return `${number(median(of(mine)) / Math.min(...peers))}×`;
}

/** The table as lines of Markdown; its columns are padded, so that it reads well in a terminal too. */
export function table(rows, servers, results) {
  const withRatio = servers.some((server) => server.ours) && servers.some((server) => !server.ours && !server.floor);
  const lines = [["", ...servers.map((server) => server.label), ...(withRatio ? ["ours ÷ best peer"] : [])]];
  for (const row of rows) {
    const values = servers.map((server) => results.get(server.name)?.values[row.name]);
    if (!values.some(Boolean)) continue;
    lines.push([row.label, ...values.map(cell), ...(withRatio ? [ratio(row, servers, results)] : [])]);
  }
  const widths = lines[0].map((_, column) => Math.max(3, ...lines.map((line) => line[column].length)));
  const text = lines.map((line) => `| ${line.map((part, column) => part.padEnd(widths[column])).join(" | ")} |`);
  text.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  return text;
}
