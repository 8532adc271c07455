// GET /api/docker/stats: takes the figures now, emits them, and answers with the last minutes.

import { success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";
import { sampler } from "@/lib/stats/sampler";

export const GET = guarded(async () => {
  await sampler().take();
  return success(sampler().snapshot());
});
