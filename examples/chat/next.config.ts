import { withRealtime } from "nself-realtime/next";

// The two roots: the lock file of the repository around this folder is not this app's.
export default withRealtime({ outputFileTracingRoot: process.cwd(), turbopack: { root: process.cwd() } });
