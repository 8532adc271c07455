// Next's configuration. withRealtime keeps the native package out of the bundles; standalone output, which nself-admin's image runs, is
// asked for by NEXT_STANDALONE=1.

import type { NextConfig } from "next";
import { withRealtime } from "nself-realtime/next";

const standalone = process.env.NEXT_STANDALONE === "1";
const production = process.env.NODE_ENV === "production";

// Scripts and styles of Next stand in the page itself; everything else comes from this server, the real-time connection too.
const CONTENT_SECURITY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self' ws: wss:",
  "frame-ancestors 'none'",
  "base-uri 'self'",
  "form-action 'self'",
].join("; ");

// The programs that routes start by their path, which tracing cannot see.
const PROGRAMS = ["./services/*.mjs", "./tasks/*.mjs"];
const DATABASE = ["package.json", "dist/*.js", "dist/fs/*.js", "dist/*.wasm", "dist/*.data"];

const config: NextConfig = {
  agentRules: false,
  poweredByHeader: false,
  // The lock file of the repository around this folder is not this app's.
  outputFileTracingRoot: process.cwd(),
  turbopack: { root: process.cwd() },
  outputFileTracingIncludes: {
    "/api/services/**": [...PROGRAMS, ...DATABASE.map((path) => `./node_modules/@electric-sql/pglite/${path}`)],
  },
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "X-Content-Type-Options", value: "nosniff" },
        { key: "Referrer-Policy", value: "same-origin" },
        // `next dev` evaluates what it reloads.
        ...(production ? [{ key: "Content-Security-Policy", value: CONTENT_SECURITY }] : []),
      ],
    },
  ],
  ...(standalone && { output: "standalone" as const }),
};

export default withRealtime(config);
