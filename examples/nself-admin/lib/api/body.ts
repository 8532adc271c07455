// Reading a request's JSON body, field by field.

import { Refusal } from "./answer";

const MAX_BODY = 64 * 1024;

/** The body as an object; refuses with 400 what is none, and with 413 what is longer than 64 KiB. */
export async function readBody(request: Request): Promise<Record<string, unknown>> {
  const text = await request.text();
  if (text.length > MAX_BODY) throw new Refusal(413, "the request is larger than 64 KiB");
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, "the request is not JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new Refusal(400, "expected an object");
  return body as Record<string, unknown>;
}

/** A text of 1 to `most` characters. */
export function textField(body: Record<string, unknown>, name: string, most: number): string {
  const value = body[name];
  if (typeof value !== "string" || value.trim() === "") throw new Refusal(400, `"${name}" must be a text`);
  if (value.length > most) throw new Refusal(400, `"${name}" is longer than ${most} characters`);
  return value;
}

/** One of `values`. */
export function choiceField<T extends string>(body: Record<string, unknown>, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === body[name]);
  if (!found) throw new Refusal(400, `"${name}" must be one of ${values.join(", ")}`);
  return found;
}
