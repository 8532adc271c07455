// POST /api/auth/logout: ends the session, and every connection of its user; tabs with another session of theirs connect again.

import { getWebSocketServer } from "nself-realtime";
import { success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";
import { sessionId, setCookie } from "@/lib/session/cookie";
import { sessions } from "@/lib/session/store";

export const POST = guarded((request, { userId }) => {
  const id = sessionId(request);
  if (id) sessions().end(id);
  const disconnected = getWebSocketServer().disconnectUser(userId);
  const response = success({ disconnected });
  response.headers.set("set-cookie", setCookie(request));
  return response;
});
