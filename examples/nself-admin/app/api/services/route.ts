// GET /api/services: what is running now. Pages read it once for each connection; changes are pushed.

import { success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";
import { services } from "@/lib/services/manager";

export const GET = guarded(() => success(services().snapshot()));
