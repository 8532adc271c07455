"use client";
// Starting and stopping services.

import { SERVICES, type ServiceName } from "../services/catalog";
import { callApi } from "./call-api";

export type Action = "start" | "stop";

/** Resolves with an error to show, or null. */
export function act(action: Action, service: ServiceName): Promise<string | null> {
  return callApi(`/api/services/${action}`, { service });
}

/** The same for all services; resolves with the first error. */
export async function actOnAll(action: Action): Promise<string | null> {
  const errors = await Promise.all(SERVICES.map(({ name }) => act(action, name)));
  return errors.find((error) => error !== null) ?? null;
}

/** What can be done with a service in this state. */
export function canDo(action: Action, state: string): boolean {
  return action === "start"
    ? state === "stopped" || state === "unhealthy"
    : state === "running" || state === "starting";
}
