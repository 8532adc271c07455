// GET /api/services: what is running now. Pages read it once for each connection; changes are pushed.

import { services } from "@/lib/services/manager";

export const dynamic = "force-dynamic";

export function GET(): Response {
  return Response.json({ success: true, data: services().snapshot() });
}
