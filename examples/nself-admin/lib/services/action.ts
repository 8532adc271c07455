// What the start and stop routes have in common: who may ask, which service is meant, and the answer.

import { isSameOrigin } from "../same-origin";
import { isService } from "./catalog";
import { services } from "./manager";
import type { Answer } from "./types";

function refuse(status: number, error: string): Response {
  return Response.json({ success: false, error } satisfies Answer<never>, { status });
}

/** Answers `POST { "service": name }` with the service's new status. */
export async function serviceAction(request: Request, action: "start" | "stop"): Promise<Response> {
  if (!isSameOrigin(request)) return refuse(403, "only this site's own pages may do that");
  const body: unknown = await request.json().catch(() => null);
  const name = typeof body === "object" && body !== null && "service" in body ? body.service : undefined;
  if (typeof name !== "string") return refuse(400, 'expected { "service": name }');
  if (!isService(name)) return refuse(404, `there is no service ${JSON.stringify(name)}`);
  const service = services().get(name);
  service[action]();
  return Response.json({ success: true, data: service.status } satisfies Answer<unknown>, { status: 202 });
}
