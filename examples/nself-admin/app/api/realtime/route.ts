// GET and POST /api/realtime: who is connected, and a way for other programs to emit. /api/ws itself belongs to the real-time server.

import { createRouteHandlers } from "nself-realtime/next";
import { isSameOrigin } from "@/lib/api/same-origin";
import { readSession } from "@/lib/session/current";

export const dynamic = "force-dynamic";

export const { GET, POST } = createRouteHandlers({
  authorize: async (request) => isSameOrigin(request) && (await readSession(request)),
});
