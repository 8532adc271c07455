// POST /api/services/stop: stops a service's process.

import { serviceAction } from "@/lib/services/action";

export function POST(request: Request): Promise<Response> {
  return serviceAction(request, "stop");
}
