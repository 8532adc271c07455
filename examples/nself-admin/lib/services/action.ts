// What the start and stop routes have in common: which service is meant, and the answer.

import { Refusal, success } from "../api/answer";
import { readBody, textField } from "../api/body";
import { isService, type ServiceName } from "./catalog";
import { services } from "./manager";

/** The service that `"service"` names. */
export function serviceField(body: Record<string, unknown>): ServiceName {
  const name = textField(body, "service", 64);
  if (!isService(name)) throw new Refusal(404, `there is no service ${JSON.stringify(name)}`);
  return name;
}

/** Answers `POST { "service": name }` with the service's new status. */
export async function serviceAction(request: Request, action: "start" | "stop"): Promise<Response> {
  const service = services().get(serviceField(await readBody(request)));
  service[action]();
  return success(service.status, 202);
}
