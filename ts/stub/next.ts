// `nself-realtime/next` where there is no Node, see refuse.ts. A test keeps its names those of next/index.ts.

import { refused } from "./refuse.js";

export const createRouteHandlers = refused("nself-realtime/next", "createRouteHandlers");
export const withRealtime = refused("nself-realtime/next", "withRealtime");
