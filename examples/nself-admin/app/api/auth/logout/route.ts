// POST /api/auth/logout: ends the session, and every connection that was opened with it, in all tabs.

import { getWebSocketServer } from "nself-realtime";
import { success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";
import { setCookie } from "@/lib/session/cookie";
import { sessionId } from "@/lib/session/current";
import { sessions } from "@/lib/session/store";

export const POST = guarded(async (request) => {
  const id = await sessionId(request);
  if (id) sessions().end(id);
  const disconnected = id ? getWebSocketServer().disconnectSession(id) : 0;
  const response = success({ disconnected });
  response.headers.set("set-cookie", setCookie(request));
  return response;
});
