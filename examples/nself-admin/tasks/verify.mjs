// Build step 4, and the first stage of a deployment: what the folder holds is what its manifest says, compressed copies too.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const folder = process.env.NSELF_BUILD;
const { files } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
const sum = (bytes) => createHash("sha256").update(bytes).digest("hex");

for (const [name, { sha256 }] of Object.entries(files)) {
  const bytes = readFileSync(join(folder, "services", name));
  const unpacked = brotliDecompressSync(readFileSync(join(folder, "services", `${name}.br`)));
  if (sum(bytes) !== sha256 || sum(unpacked) !== sha256) throw new Error(`${name} is not what was built`);
  console.log(`${sha256.slice(0, 16)}  ${name}`);
}
console.log("every checksum is right");
