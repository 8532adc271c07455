// GET /api/logs/stream?service=name: the last lines of a service, or of all; what comes later is pushed. POST `{ service, line }` adds a
// line: a note of somebody who watches, or the word of a script.

import { Refusal, success } from "@/lib/api/answer";
import { readBody, textField } from "@/lib/api/body";
import { guarded } from "@/lib/api/guarded";
import { serviceField } from "@/lib/services/action";
import { isService } from "@/lib/services/catalog";
import { services } from "@/lib/services/manager";

export const GET = guarded((request) => {
  const name = new URL(request.url).searchParams.get("service") ?? "all";
  if (name !== "all" && !isService(name)) throw new Refusal(404, `there is no service ${JSON.stringify(name)}`);
  return success(services().lines(name));
});

export const POST = guarded(async (request, { userId }) => {
  const body = await readBody(request);
  const line = textField(body, "line", 1000).replace(/\s+/g, " ").trim();
  return success(services().get(serviceField(body)).note(`${userId}: ${line}`), 202);
});
