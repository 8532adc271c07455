// Putting data into the envelope and taking it out.

import { type Envelope, isEnvelope, isEvent } from "../events.js";

/** `data` in the envelope of `type`, as the arguments of an event; none without data. */
export function toArgs(type: string, data: unknown): Envelope[] {
  return data === undefined ? [] : [{ type, data, timestamp: new Date().toISOString() }];
}

/** The data of a received event; what is not in the envelope is the data itself. Null: a known event that is not what it must be. */
export function toData(type: string, payload: unknown): { data: unknown } | null {
  const data = isEnvelope(payload) && payload.type === type ? payload.data : payload;
  return isEvent(type, data) ? { data } : null;
}
