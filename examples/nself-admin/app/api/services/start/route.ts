// POST /api/services/start: starts a service's process.

import { serviceAction } from "@/lib/services/action";

export function POST(request: Request): Promise<Response> {
  return serviceAction(request, "start");
}
