// A collector: reads this machine's load, its own memory and the delay of its event loop.

import { loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { runService } from "./service.mjs";

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

runService(() => {
  const memory = (process.memoryUsage().rss / 1e6).toFixed(1);
  const p99 = delay.percentile(99) / 1e6;
  console.log(`load ${loadavg()[0].toFixed(2)}, memory ${memory} MB, event loop p99 ${p99.toFixed(1)} ms`);
  if (p99 > 50) console.error(`warn: the event loop is late by ${p99.toFixed(0)} ms`);
  delay.reset();
}, 1500);
