// /api/nself/build: GET what the build does or did, POST starts one, DELETE cancels it. How it goes on is pushed.

import { success } from "@/lib/api/answer";
import { guarded } from "@/lib/api/guarded";
import { builder } from "@/lib/build/builder";

export const GET = guarded(() => success(builder().snapshot()));

export const POST = guarded((_request, { userId }) => success({ id: builder().start(userId) }, 202));

export const DELETE = guarded((_request, { userId }) => {
  builder().cancel(userId);
  return success({}, 202);
});
