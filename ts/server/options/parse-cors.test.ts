import type { IncomingMessage } from "node:http";
import { beforeEach, describe, expect, it } from "vitest";
import type { NativeCors } from "../../../native.js";
import { registry } from "../process/registry.js";
import { parseCors } from "./parse-cors.js";

const A = "https://a.example";
beforeEach(() => registry.warned.clear());

/** What an option comes to for a request from an origin. */
function decided(cors: unknown, origin?: string): NativeCors | undefined | Error {
  const { native, decide } = parseCors(cors);
  if (!decide) return native;
  let result: NativeCors | undefined | Error;
  const request = { headers: { ...(origin && { origin }) }, url: "/socket.io/?a=b" } as unknown as IncomingMessage;
  decide(request, (error, answer) => {
    result = error ? (error as Error) : answer;
  });
  return result;
}

const warned = () => [...registry.warned];

describe("the option cors", () => {
  it("is the native side's where nothing is to be asked", () => {
    for (const cors of [true, {}, { origin: "*" }, { origin: true }, { origin: [A, "https://b.example"] }]) {
      expect(parseCors(cors)).toEqual({ native: expect.anything() });
    }
    expect(parseCors({ origin: [A, [false, true]] })).toEqual({ native: { origins: [], reflect: true } });
    expect(parseCors({ origin: false })).toEqual({ native: { origins: [] } });
    for (const off of [false, null, undefined]) expect(parseCors(off)).toEqual({});
  });

  it("asks regular expressions, one or in lists, at any depth", () => {
    for (const origin of [/a\.example$/, [/a\.example$/], ["https://b.example", [/^https:\/\/a\./]]]) {
      expect(decided({ origin, credentials: true }, A)).toEqual({ origins: [A], credentials: true });
      expect(decided({ origin, credentials: true }, "https://evil.test")).toEqual({ origins: [], credentials: true });
      expect(decided({ origin, credentials: true })).toEqual({ origins: [], credentials: true });
    }
  });

  it("does not let an expression go on where its last search ended", () => {
    const { decide } = parseCors({ origin: /a\.example/g });
    const answers: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      decide?.({ headers: { origin: A } } as IncomingMessage, (_, cors) => answers.push(cors?.origins));
    }
    expect(answers).toEqual([[A], [A], [A]]);
  });

  it.each([
    [true, { origins: [A] }],
    [false, undefined],
    [undefined, undefined],
    ["", undefined],
    [A, { origins: [A], fixed: true }],
    ["*", { origins: ["*"] }],
    [["https://b.example", A], { origins: [A] }],
    [["https://b.example"], { origins: [] }],
    [/b\.example/, { origins: [] }],
  ])("a function for the origin that gives %o", (given, expected) => {
    const origin = (asked: unknown, done: (error: null, value: unknown) => void) => {
      expect(asked).toBe(A);
      done(null, given);
    };
    expect(decided({ origin }, A)).toEqual(expected);
    expect(decided({ origin: (_: unknown, done: (error: null, value: unknown) => void) => done(null, true) })).toEqual({
      origins: [],
    });
  });

  it.each([
    [
      { origin: A, maxAge: 5 },
      { origins: [A], fixed: true, maxAge: 5 },
    ],
    [
      { origin: /a\.example$/, methods: ["GET"] },
      { origins: [A], methods: "GET" },
    ],
    [{ origin: (_: unknown, done: (error: null, value: unknown) => void) => done(null, true) }, { origins: [A] }],
    [{}, { origins: ["*"], fixed: false }],
    [true, { origins: ["*"], fixed: false }],
    [false, undefined],
    [undefined, undefined],
    [{ origin: undefined }, undefined],
  ])("a function of the request that gives %o", (given, expected) => {
    const cors = (request: IncomingMessage, done: (error: null, value: unknown) => void) => {
      expect(request.url).toBe("/socket.io/?a=b");
      done(null, given);
    };
    const result = decided(cors, A);
    expect(result).toEqual(expected && expect.objectContaining({ origins: expected.origins }));
  });

  it("never means any origin by an undefined one", () => {
    expect(() => parseCors({ origin: process.env.NSELF_UNSET })).toThrow('for any origin write "*"');
    expect(() => parseCors({ origin: [A, undefined] })).toThrow("is undefined");
    expect(
      decided((_: unknown, done: (error: null, value: unknown) => void) => done(null, { origin: undefined }), A),
    ).toBe(undefined);
    expect(warned()).toEqual(["NSELF_CORS_UNSET"]);
  });

  it("refuses by an error: given, thrown, or a value that can match nothing", () => {
    const failing: unknown[] = [
      (_: unknown, done: (error: Error) => void) => done(new Error("no")),
      { origin: (_: unknown, done: (error: Error) => void) => done(new Error("no")) },
    ];
    for (const cors of failing) expect(decided(cors, A)).toEqual(new Error("no"));
    expect(warned()).toEqual([]);
    const thrown = () => {
      throw new Error("oops");
    };
    for (const cors of [thrown, { origin: thrown }]) expect(decided(cors, A)).toEqual(new Error("oops"));
    expect(warned()).toEqual(["NSELF_CORS_FAILED"]);
    const slash = (_: unknown, done: (error: null, value: unknown) => void) => done(null, { origin: `${A}/` });
    expect(decided(slash, A)).toMatchObject({ code: "ERR_INVALID_OPTION" });
  });

  it("takes the first answer of a function", () => {
    const twice = (_: unknown, done: (error: null, value: unknown) => void) => {
      done(null, false);
      done(null, true);
    };
    expect(decided({ origin: twice }, A)).toBe(undefined);
  });

  it.each([
    { credentials: true },
    { origin: "*", credentials: true },
    { origin: true, credentials: true },
    { origin: [A, "*"], credentials: true },
    { origin: /.*/, credentials: true },
    { origin: [/./], credentials: true },
  ])("warns where any site could act for its visitors, who come without cookies then: %o", (cors) => {
    const { native, decide } = parseCors(cors);
    expect(decide).toBe(undefined);
    expect(native?.reflect || native?.origins.includes("*")).toBe(true);
    expect(warned()).toEqual(["NSELF_CORS_CREDENTIALS"]);
  });

  it("has the older name of allowedHeaders", () => {
    expect(parseCors({ headers: ["X-A", "X-B"] }).native).toMatchObject({ allowedHeaders: "X-A,X-B" });
  });
});
