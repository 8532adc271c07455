// Build step 3: copies the services' programs into the build's folder, compressed beside, with a manifest of checksums.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

const folder = process.env.NSELF_BUILD;
const target = join(folder, "services");
mkdirSync(target, { recursive: true });

const files = {};
let [raw, packed] = [0, 0];
for (const name of readdirSync("services").sort()) {
  const bytes = readFileSync(join("services", name));
  const compressed = brotliCompressSync(bytes);
  writeFileSync(join(target, name), bytes);
  writeFileSync(join(target, `${name}.br`), compressed);
  files[name] = { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  raw += bytes.length;
  packed += compressed.length;
  console.log(`${name.padEnd(22)} ${String(bytes.length).padStart(6)} B → ${String(compressed.length).padStart(5)} B`);
}
writeFileSync(join(folder, "manifest.json"), JSON.stringify({ builtAt: new Date().toISOString(), files }, null, 2));
console.log(`${Object.keys(files).length} files, ${raw} B, ${Math.round((packed / raw) * 100)} % of it compressed`);
