// The attack suite in short: every attack for a second, on a port of our own. `npm run attack` is the long one, which judges latencies, too.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the server holds against every attack", async () => {
  const script = fileURLToPath(new URL("../scripts/attack.mjs", import.meta.url));
  const { NODE_OPTIONS: _, VITEST: __, ...env } = process.env;
  const child = spawn(process.execPath, [script, "--quick", "--patient"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, output).toBe(0);
  expect(output.match(/\| held \|/g), output).toHaveLength(15);
});
