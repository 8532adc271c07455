// What a page pays for the client and the hooks, and that no server code comes along.

import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Bundle, bundle } from "./support/bundle.js";

/** Most bytes of our own code in a page, minified and gzipped: of the client, of it with all hooks, with one. The peers are not counted. */
const BUDGET = { client: 6300, react: 9200, one: 6300 };

const PEERS = ["socket.io-client", "react"];
const size = ({ code }: Bundle) => gzipSync(code).length;

describe("the built package in a browser's bundle", () => {
  it.each([
    ["client", 'export * from "nself-realtime/client";', ["socket.io-client"], BUDGET.client],
    ["react", 'export * from "nself-realtime/react";', ["react", "socket.io-client"], BUDGET.react],
    [
      "react, one hook",
      'export { useWebSocket } from "nself-realtime/react";',
      ["react", "socket.io-client"],
      BUDGET.one,
    ],
  ])("%s: small, and nothing of the server", async (name, source, imports, budget) => {
    const made = await bundle(source, PEERS);
    expect(made.imports.sort()).toEqual(imports);
    expect(made.files.filter((file) => !/^dist\/esm\/(client|react)\/|^dist\/esm\/events\.js$/.test(file))).toEqual([]);
    expect(size(made), `bytes of nself-realtime/${name}`).toBeLessThanOrEqual(budget);
  });

  it("needs nothing of Node with all its packages in it", async () => {
    const made = await bundle('export * from "nself-realtime/client"; export * from "nself-realtime/react";');
    expect(made.imports).toEqual([]);
    expect(made.code).not.toMatch(/\brequire\(|from"node:/);
  });
});
