// POST /api/services/stop: stops a service's process.

import { guarded } from "@/lib/api/guarded";
import { serviceAction } from "@/lib/services/action";

export const POST = guarded((request) => serviceAction(request, "stop"));
