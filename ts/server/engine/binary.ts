// Between the arguments of an event and what crosses to the native side: JSON text and a list of attachments.

import { RealtimeError, unsupported } from "../process/errors.js";

/** JSON text of the arguments; binary values are replaced by placeholders and listed, in depth-first order. */
export interface Encoded {
  text: string;
  attachments: Buffer[] | undefined;
}

export function encode(args: unknown[]): Encoded {
  if (!hasBinary(args, false)) return { text: JSON.stringify(args), attachments: undefined };
  const attachments: Buffer[] = [];
  return { text: JSON.stringify(takeOut(args, attachments, false)), attachments };
}

/** The arguments again. Throws on anything that is not an array of JSON with valid placeholders. */
export function decode(text: string | undefined, attachments: Buffer[] | undefined): unknown[] {
  const args: unknown = JSON.parse(text ?? "");
  if (!Array.isArray(args)) throw new RealtimeError("ERR_INVALID_EVENT", "the payload is not an array");
  return attachments?.length ? (restore(args, attachments) as unknown[]) : args;
}

function isBinary(value: object): boolean {
  return (
    ArrayBuffer.isView(value) || value instanceof ArrayBuffer || (typeof Blob === "function" && value instanceof Blob)
  );
}

function toJSON(value: object, done: boolean): (() => unknown) | undefined {
  const method = (value as { toJSON?: unknown }).toJSON;
  return typeof method === "function" && !done ? () => method.call(value) : undefined;
}

function hasBinary(value: unknown, converted: boolean): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (hasBinary(value[i], false)) return true;
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // Most are plain objects, which this spares the look.
  if (prototype !== Object.prototype && isBinary(value)) return true;
  const convert = toJSON(value, converted);
  if (convert) return hasBinary(convert(), true);
  for (const key in value) {
    if (Object.hasOwn(value, key) && hasBinary((value as Record<string, unknown>)[key], false)) return true;
  }
  return false;
}

function takeOut(value: unknown, attachments: Buffer[], converted: boolean): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isBinary(value)) {
    attachments.push(toBuffer(value));
    return { _placeholder: true, num: attachments.length - 1 };
  }
  if (Array.isArray(value)) return value.map((item) => takeOut(item, attachments, false));
  if (value instanceof Date) return value;
  const convert = toJSON(value, converted);
  if (convert) return takeOut(convert(), attachments, true);
  // No prototype: a key "__proto__" stays an ordinary key.
  const copy: Record<string, unknown> = Object.create(null);
  for (const key in value) {
    if (Object.hasOwn(value, key)) copy[key] = takeOut((value as Record<string, unknown>)[key], attachments, false);
  }
  return copy;
}

function toBuffer(value: object): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  return unsupported("a Blob in an event", "send its arrayBuffer()");
}

/** Puts attachments back where their placeholders are. Throws on a placeholder of none. */
export function restore(value: unknown, attachments: Buffer[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restore(value[i], attachments);
    return value;
  }
  const object = value as Record<string, unknown>;
  if (Object.hasOwn(object, "_placeholder") && object._placeholder === true) {
    const attachment = Number.isInteger(object.num) ? attachments[object.num as number] : undefined;
    if (!attachment) throw new RealtimeError("ERR_INVALID_EVENT", "illegal attachments");
    return attachment;
  }
  // JSON.parse made every key an own property, "__proto__" too, so assignment cannot reach a prototype.
  for (const key of Object.keys(object)) object[key] = restore(object[key], attachments);
  return object;
}
