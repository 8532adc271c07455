// Clients in other languages, on socket.io, and on ours by `attach` and by `listen`: the two of python-socketio.

import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startForeign, WITH_ORACLE } from "../support/foreign.js";
import { cache, root } from "./support/paths.js";

const foreign = `${root}/__test__/foreign`;
const CHECKS = ["events", "acks", "binary", "rooms", "namespaces", "auth"];

/** Runs a client; the lines that it printed. Throws with what it said if it failed. */
async function run(program: string, args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(program, args, { timeout: 120_000 });
  return stdout.trim().split("\n");
}

/** An environment of Python with the packages of requirements.txt, kept between runs. Returns its interpreter. */
function python(): string {
  const folder = `${cache}/python`;
  const requirements = `${foreign}/python/requirements.txt`;
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const stamp = `${folder}/.installed`;
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    execFileSync("python3", ["-m", "venv", folder]);
    execFileSync(`${folder}/bin/pip`, ["install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
    writeFileSync(stamp, wanted);
  }
  return `${folder}/bin/python`;
}

let interpreter: string;
beforeAll(() => {
  interpreter = python();
});

describe.each(WITH_ORACLE)("by %s", (way) => {
  let server: Awaited<ReturnType<typeof startForeign>>;
  beforeAll(async () => {
    server = await startForeign(way);
  });
  afterAll(() => server.close());

  describe.each(["sync_client.py", "asyncio_client.py"])("python-socketio, %s", (program) => {
    test.each(["polling", "websocket", "polling,websocket"])("%s", async (transports) => {
      const lines = await run(interpreter, [`${foreign}/python/${program}`, String(server.port), transports]);
      expect(lines).toEqual(transports === "polling" ? CHECKS : [...CHECKS, "reconnect"]);
    });
  });
});
