// GET /api/auth/session: whose session this is; 401 once it has ended. Pages that lose their connection ask.

import { success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";

export const GET = guarded((_request, { userId, expiresAt }) =>
  success({ user: userId, expiresAt: new Date(expiresAt).toISOString() }),
);
