// Schemas of the application's own events, by the Standard Schema interface that zod, valibot, arktype and others share
// (standardschema.dev). What comes is checked before a handler sees it, what is emitted before it leaves.

import { ControlEvent, EMITTED_EVENTS } from "../../events.js";
import { RealtimeError } from "../process/errors.js";
import { RESERVED_EVENTS } from "./handshake.js";
import { invalid, object } from "./option-checks.js";
import type { Any } from "./typed-events.js";

/** What was found wrong, and where. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** A schema of any library that follows Standard Schema, version 1. It must answer at once, not by a promise. */
export interface EventSchema<Input = Any, Output = Any> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<SchemaIssue> };

/** Schemas by the names of events. Such an event has one argument, and may have an acknowledgement. */
export type EventSchemas = Record<string, EventSchema>;

type OutputOf<S extends EventSchema> = NonNullable<S["~standard"]["types"]>["output"];

/** The types of events that have schemas: `new Server<EventsOf<typeof schemas>>(http, { schemas })`. */
export type EventsOf<S extends EventSchemas> = {
  [E in keyof S]: (data: OutputOf<S[E]>, acknowledge: (answer: Any) => void) => void;
};

/** The schemas of a server, by name. */
export type ParsedSchemas = ReadonlyMap<string, EventSchema>;

/** The option `schemas`. Throws ERR_INVALID_OPTION. @internal */
export function parseSchemas(value: unknown): ParsedSchemas {
  const schemas = new Map<string, EventSchema>();
  for (const [event, schema] of Object.entries(object("schemas", value))) {
    const standard = (schema as EventSchema | null | undefined)?.["~standard"];
    if (standard?.version !== 1 || typeof standard.validate !== "function") {
      invalid(`schemas.${event}`, "a schema by Standard Schema, version 1");
    }
    if (RESERVED_EVENTS.has(event)) invalid(`schemas.${event}`, "of an event of your own: this name is reserved");
    schemas.set(event, schema as EventSchema);
  }
  return schemas;
}

/** The real-time layer checks its own events itself. Throws ERR_INVALID_OPTION. @internal */
export function refuseBuiltIn(schemas: ParsedSchemas | undefined): void {
  for (const event of [...EMITTED_EVENTS, ...Object.values(ControlEvent)]) {
    if (schemas?.has(event)) invalid(`schemas.${event}`, "of an event of your own: the server checks this one itself");
  }
}

/** Checks an event's arguments, without its acknowledgement. Returns the data as the schema gives it. ERR_INVALID_EVENT. @internal */
export function checkEvent(event: string, schema: EventSchema, args: readonly unknown[], enveloped: boolean): unknown {
  if (args.length > 1) wrong(event, `it has one argument, not ${args.length}`);
  const data = enveloped && isEnvelope(event, args[0]) ? args[0].data : args[0];
  let result: ReturnType<EventSchema["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(data);
  } catch (error) {
    console.error(`nself-realtime: the schema of "${event}" failed:`, error);
    wrong(event, "its schema failed");
  }
  // Not every promise is one of ours.
  if (typeof (result as Partial<Promise<unknown>> | undefined)?.then === "function") {
    Promise.resolve(result).catch(() => {});
    console.error(`nself-realtime: the schema of "${event}" answers by a promise, which is not supported`);
    wrong(event, "its schema is asynchronous");
  }
  const answer = result as Awaited<typeof result>;
  if (typeof answer !== "object" || answer === null || !("value" in answer || "issues" in answer)) {
    console.error(`nself-realtime: the schema of "${event}" answers neither a value nor issues`);
    wrong(event, "its schema failed");
  }
  if (!answer.issues) return answer.value;
  const [first] = answer.issues;
  const path = (first?.path ?? []).map((step) => String(typeof step === "object" ? step.key : step));
  wrong(event, `${["data", ...path].join(".")}: ${first?.message ?? "not valid"}`);
}

/** What an event may come in from a client of the real-time layer. */
function isEnvelope(event: string, value: unknown): value is { data: unknown } {
  if (typeof value !== "object" || value === null) return false;
  return (value as { type?: unknown }).type === event && "data" in value;
}

function wrong(event: string, why: string): never {
  throw new RealtimeError("ERR_INVALID_EVENT", `"${event}": ${why}`);
}
