// The figures of bench/RESULTS.md where people read them: the table of docs/benchmark.md, and rows of README.md.

import { readFileSync, writeFileSync } from "node:fs";

const at = (path) => new URL(`../../${path}`, import.meta.url);

/** Columns of the page: what a server is called there, by what it is called in the results. */
const COLUMNS = {
  "nself-realtime listen": "`listen`",
  "nself-realtime attach": "`attach`",
  "socket.io, ws": "socket.io (ws)",
  "socket.io, uWebSockets.js": "socket.io (uWS)",
  "uWebSockets.js": "uWebSockets.js",
  socketioxide: "socketioxide",
  floor: "floor",
};

/** Rows of the page by their labels in the results, with what was wanted of ours. */
const ROWS = {
  "burst of 100 to 1000, µs CPU a delivery": "0.45 × the best peer",
  "burst of 100 to 8000, µs CPU a delivery": "1.5 × that to 1000",
  "burst of 20 to 8000, µs CPU a delivery": "",
  "batched burst of 100 to 1000, µs CPU an event": "0.6 × the best peer",
  "steady 20/s to 1000, µs CPU a delivery": "1.15 × floor",
  "steady 2/s to 8000, µs CPU a delivery": "1.5 × that to 1000",
  "JavaScript thread: emit to 1000 in a burst of 100, µs": "4",
  "JavaScript thread: emit to 8000 in a burst of 100, µs": "4",
  "JavaScript thread: emitServiceStatus in a burst of 100, µs": "4",
  "JavaScript thread: lone emit to 1000, µs": "30",
  "idle memory at 8000, KiB RSS a connection": "3",
  "connect, µs CPU each": "50; `attach` 260",
  "small rooms (100 of 10), µs CPU an emit": "9",
  "ack of join:room, µs CPU": "12",
  "ack by a JavaScript handler, µs CPU": "",
  "writes saved, 200 log lines a second to 10, %": "80",
  "latency of a lone batched event to 10, p50 ms": "2",
};

/** Rows of the README: how they begin, and what they show, ours beside socket.io's. */
const README = {
  "An emit to 1000 clients, of JavaScript's thread": ["JavaScript thread: emit to 1000 in a burst of 100, µs", "µs"],
  "Its delivery to each, of the server's CPU": ["burst of 100 to 1000, µs CPU a delivery", "µs"],
  "Memory of an idle connection, of 8000": ["idle memory at 8000, KiB RSS a connection", "KiB"],
};

/** The medians of the first table of the results: label to server to figure. */
function medians(results) {
  const lines = results
    .slice(results.indexOf("\n| ") + 1)
    .split("\n\n")[0]
    .trimEnd()
    .split("\n");
  const cells = (line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const [, ...servers] = cells(lines[0]);
  return new Map(
    lines.slice(2).map((line) => {
      const [label, ...values] = cells(line);
      return [label, Object.fromEntries(servers.map((server, index) => [server, values[index].split(" ")[0]]))];
    }),
  );
}

/** The two files, by their paths, with the figures of these results. What was not measured stays as it was. */
function pages(results) {
  const found = medians(results);
  const measured = Object.entries(ROWS).filter(([label]) => found.has(label));
  const table = [
    ["", ...Object.values(COLUMNS), "we wanted"],
    ["---", ...Object.keys(COLUMNS).map(() => "---"), "---"],
    ...measured.map(([label, wanted]) => [
      label,
      ...Object.keys(COLUMNS).map((name) => found.get(label)[name] ?? "–"),
      wanted,
    ]),
  ].map((row) => `| ${row.join(" | ")} |`);
  let readme = readFileSync(at("README.md"), "utf8");
  for (const [name, [label, unit]] of Object.entries(README)) {
    const row = found.get(label);
    const figures = `| ${name} | ${row?.["nself-realtime listen"]} ${unit} | ${row?.["socket.io, ws"]} ${unit} |`;
    const old = new RegExp(String.raw`^\| ${name} \|[^|]*\|[^|]*\|`, "m");
    if (!old.test(readme)) throw new Error(`README.md has no row "${name}"`);
    if (row) readme = readme.replace(old, figures);
  }
  const page = readFileSync(at("docs/benchmark.md"), "utf8");
  const marked = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;
  if (!marked.test(page)) throw new Error("docs/benchmark.md has no place for the table");
  return { "README.md": readme, "docs/benchmark.md": page.replace(marked, `$1${table.join("\n")}\n$2`) };
}

/** The files that do not show what bench/RESULTS.md has. */
export function stalePages() {
  const wanted = pages(readFileSync(at("bench/RESULTS.md"), "utf8"));
  return Object.keys(wanted).filter((path) => readFileSync(at(path), "utf8") !== wanted[path]);
}

/** Writes the results, and their figures where people read them. */
export function writeResults(results) {
  writeFileSync(at("bench/RESULTS.md"), results);
  for (const [path, text] of Object.entries(pages(results))) writeFileSync(at(path), text);
}
