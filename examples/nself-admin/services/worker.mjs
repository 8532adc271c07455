// A job runner: each job hashes a random amount of data, and is logged with the time it took.

import { createHash, randomBytes } from "node:crypto";
import { runService } from "./service.mjs";

const BUDGET = 3_000_000;
let job = 0;

runService(() => {
  job++;
  const size = Math.ceil(Math.random() * 4_000_000);
  const start = performance.now();
  const digest = createHash("sha256").update(randomBytes(size)).digest("hex");
  const time = performance.now() - start;
  console.log(`job ${job}: ${(size / 1e6).toFixed(1)} MB → ${digest.slice(0, 12)} in ${time.toFixed(1)} ms`);
  if (size > BUDGET) console.error(`warn: job ${job} is larger than ${BUDGET / 1e6} MB`);
}, 1100);
