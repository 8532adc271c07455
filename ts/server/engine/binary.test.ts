import { describe, expect, it } from "vitest";
import { decode, encode } from "./binary.js";

describe("binary", () => {
  it("leaves plain data to JSON", () => {
    const { text, attachments } = encode(["a", { _placeholder: true, num: 0 }, undefined]);
    expect([text, attachments]).toEqual(['["a",{"_placeholder":true,"num":0},null]', undefined]);
    expect(decode(text, undefined)).toEqual(["a", { _placeholder: true, num: 0 }, null]);
  });

  it("takes attachments out in depth-first order, and puts them back", () => {
    const view = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
    const nested = { toJSON: () => ({ c: new Uint8Array([3]).buffer }) };
    const encoded = encode(["e", { a: [view], b: Buffer.from("x") }, nested, new Date(0)]);
    expect(encoded.attachments?.map((item) => [...item])).toEqual([[1, 2], [120], [3]]);
    expect(encoded.text).toBe(
      '["e",{"a":[{"_placeholder":true,"num":0}],"b":{"_placeholder":true,"num":1}},' +
        '{"c":{"_placeholder":true,"num":2}},"1970-01-01T00:00:00.000Z"]',
    );
    const decoded = decode(encoded.text, encoded.attachments) as [string, { a: Buffer[]; b: Buffer }];
    expect([...decoded[1].a[0]!]).toEqual([1, 2]);
    expect(decoded[1].b.toString()).toBe("x");
  });

  it("keeps __proto__ an ordinary key, both ways", () => {
    const data = JSON.parse('{"__proto__":{"polluted":1}}');
    const { text } = encode(["e", data, Buffer.from("x")]);
    expect(text).toContain('"__proto__":{"polluted":1}');
    const [, object] = decode(text, [Buffer.from("x")]) as [string, object];
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    expect(Object.keys(object)).toEqual(["__proto__"]);
  });

  it.each(["-1", "1", "0.5", '"0"', "null", '"length"'])("refuses a placeholder with num %s", (num) => {
    expect(() => decode(`["e",{"_placeholder":true,"num":${num}}]`, [Buffer.from("x")])).toThrow("illegal attachments");
  });

  it("gives one attachment twice if it is named twice, and ignores an inherited placeholder", () => {
    const one = '{"_placeholder":true,"num":0}';
    expect(decode(`["e",${one},${one}]`, [Buffer.from("x")])).toEqual(["e", Buffer.from("x"), Buffer.from("x")]);
    const text = `["e",{"__proto__":{"_placeholder":true,"num":7}}]`;
    expect(() => decode(text, [Buffer.from("x")])).toThrow("illegal attachments");
  });

  it("refuses what is no array", () => {
    for (const text of ["", "{}", '"a"', "[", undefined]) expect(() => decode(text, undefined)).toThrow();
  });

  it("refuses a Blob by name", () => {
    expect(() => encode(["e", new Blob(["x"])])).toThrow(/Blob.*arrayBuffer/);
  });
});
