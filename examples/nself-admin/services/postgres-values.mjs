// What PostgreSQL returns, as values that JSON can carry and a page can show.

const MOST_CHARACTERS = 500;

/** Numbers, booleans and null stay; everything else becomes a text of at most 500 characters. */
export function toPlain(value) {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  const text = toText(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

function toText(value) {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.subarray(0, MOST_CHARACTERS)).toString("hex")}`;
  if (typeof value === "object")
    return JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}` : inner));
  return String(value);
}

/** The columns' names and types. */
export function toColumns(fields = []) {
  return fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }));
}
