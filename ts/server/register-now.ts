// `node --import nself-realtime/register`: the real-time server on whatever HTTP server this process starts.

import { registerWhenServing } from "./nself/realtime.js";

registerWhenServing();
