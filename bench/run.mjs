// The benchmark: one command, one table. `npm run bench -- --help` lists the options.
import { parseArgs } from "node:util";
import { runScene, SCENES } from "./lib/measures.mjs";
import { writeResults } from "./lib/pages.mjs";
import { machine, packageIsBuilt, prepare } from "./lib/prepare.mjs";
import { rows } from "./lib/rows.mjs";
import { table } from "./lib/table.mjs";
import { SERVERS } from "./servers/index.mjs";

const groups = SCENES.flatMap((scene) => scene.groups);
const HELP = `npm run bench -- [options]
  --quick           one short run with 200 clients: does everything work?
  --runs <n>        runs of each measure (default 3)
  --clients <n>     clients, a multiple of 10 (default 1000)
  --many <n>        connections of the large measures (default 8000)
  --only <groups>   of ${groups.join(", ")}
  --peers <servers> of ${SERVERS.map((server) => server.name).join(", ")}
  --write           writes bench/RESULTS.md, and its figures into docs/benchmark.md and README.md
  --json            prints every value of every run as JSON, too`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    runs: { type: "string" },
    clients: { type: "string" },
    many: { type: "string" },
    only: { type: "string" },
    peers: { type: "string" },
    write: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** The amounts. `bursts`: how many are measured, after `warm` others and `emits` emits to nobody; `acks`: round trips for each client; `steady`: seconds; the rest: events. */
const size = options.quick
  ? {
      runs: 1,
      clients: 200,
      many: 1000,
      warm: 1,
      emits: 1000,
      bursts: 1,
      rounds: 20,
      acks: 5,
      steady: 1,
      lone: 5,
      logs: 100,
    }
  : {
      runs: 3,
      clients: 1000,
      many: 8000,
      warm: 3,
      emits: 30_000,
      bursts: 5,
      rounds: 20,
      acks: 20,
      steady: 5,
      lone: 25,
      logs: 400,
    };
for (const name of ["runs", "clients", "many"]) {
  if (options[name] !== undefined) size[name] = Number(options[name]);
}

/** The names that an option lists; all without it. */
function chosen(option, known) {
  const names = option?.split(",") ?? known;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length) throw new Error(`unknown: ${unknown.join(", ")}\n${HELP}`);
  return names;
}

async function main() {
  if (options.help) return console.log(HELP);
  if (!(size.runs >= 1 && size.clients >= 10 && size.clients % 10 === 0 && size.many >= 20)) throw new Error(HELP);
  const wanted = chosen(options.only, groups);
  const peers = chosen(
    options.peers,
    SERVERS.map((server) => server.name),
  );
  let servers = SERVERS.filter((server) => peers.includes(server.name));
  if (!packageIsBuilt() && servers.some((server) => server.ours)) {
    if (options.peers) throw new Error("nself-realtime is not built: run `npm run build`");
    console.error("nself-realtime is not built (`npm run build`): the peers alone");
    servers = servers.filter((server) => !server.ours);
  }
  const description = machine();
  prepare(servers.flatMap((server) => server.crate ?? []));

  const results = new Map(servers.map((server) => [server.name, { values: {} }]));
  const versions = {};
  const failures = [];
  for (let run = 0; run < size.runs; run++) {
    for (const scene of SCENES) {
      // Every run begins with another server, so that none is always the first on a cool machine.
      const turn = servers.map((_, index) => servers[(index + run) % servers.length]);
      for (const server of turn) {
        const wants = (group) => wanted.includes(group) && (server.only?.includes(group) ?? true);
        if (!scene.groups.some(wants)) continue;
        process.stderr.write(`run ${run + 1} of ${size.runs}: ${scene.name}, ${server.label}\n`);
        try {
          const got = await runScene(scene, server, wants, size);
          Object.assign(versions, got.versions);
          const { values } = results.get(server.name);
          for (const [name, value] of Object.entries(got.values)) {
            values[name] = [...(values[name] ?? []), value];
          }
        } catch (error) {
          failures.push(`${server.label}, ${scene.name}: ${error.message}`);
          process.stderr.write(`FAILED ${failures.at(-1)}\n`);
        }
      }
    }
  }

  const shown = rows(size).filter((row) => wanted.includes(row.group));
  const known = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const text = [
    `Machine: ${description}.`,
    `Versions: ${known.join(", ")}.`,
    `Runs: ${size.runs}; median (lowest–highest). 200-byte events over loopback; CPU is the server's own, all threads.`,
    `Command: npm run bench${process.argv
      .slice(2)
      .map((arg) => ` ${arg}`)
      .join("")}`.replace("bench ", "bench -- "),
    "",
    ...table(shown, servers, results),
    ...failures.map((failure) => `\nFAILED ${failure}`),
  ].join("\n");
  console.log(`\n${text}`);
  if (options.json) console.log(JSON.stringify(Object.fromEntries(results), null, 2));
  if (options.write) writeResults(`# Results of \`npm run bench\`\n\n${text}\n`);
  if (failures.length) process.exitCode = 1;
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
