// `nself-realtime/register` where there is no Node, see refuse.ts.

import { registerNothing } from "./refuse.js";

registerNothing("nself-realtime/register", "the import");
