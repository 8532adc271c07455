// Next's configuration. withRealtime keeps the native package out of the bundles; standalone output, which nself-admin's image runs, is
// asked for by NEXT_STANDALONE=1.

import type { NextConfig } from "next";
import { withRealtime } from "nself-realtime/next";

const standalone = process.env.NEXT_STANDALONE === "1";

const config: NextConfig = {
  agentRules: false,
  poweredByHeader: false,
  // The lock file of the repository around this folder is not this app's.
  outputFileTracingRoot: process.cwd(),
  turbopack: { root: process.cwd() },
  // The programs in services/ are started by path, which tracing cannot see.
  outputFileTracingIncludes: { "/api/services/**": ["./services/*.mjs"] },
  ...(standalone && { output: "standalone" as const }),
};

export default withRealtime(config);
