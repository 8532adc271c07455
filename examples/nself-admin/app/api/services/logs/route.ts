// GET /api/services/logs?service=name: the last lines of a service, or of all. What comes later is pushed.

import { isService } from "@/lib/services/catalog";
import { services } from "@/lib/services/manager";

export const dynamic = "force-dynamic";

export function GET(request: Request): Response {
  const name = new URL(request.url).searchParams.get("service") ?? "all";
  if (name !== "all" && !isService(name)) {
    return Response.json({ success: false, error: `there is no service ${JSON.stringify(name)}` }, { status: 404 });
  }
  return Response.json({ success: true, data: services().lines(name) });
}
