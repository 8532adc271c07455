// Build step 2: the services' tests, by Node's own test runner.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { createApi, listen, PATHS } from "../services/api-server.mjs";
import { toColumns, toPlain } from "../services/postgres-values.mjs";

const server = createApi();
let url;
before(async () => {
  url = `http://127.0.0.1:${await listen(server)}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});

for (const path of PATHS.filter((name) => name !== "/missing")) {
  test(`the API answers ${path}`, async () => {
    const response = await fetch(url + path);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { path, ok: true });
  });
}

test("the API answers 404 to a path that it does not know", async () => {
  assert.equal((await fetch(`${url}/missing`)).status, 404);
  assert.equal((await fetch(`${url}/nowhere`)).status, 404);
});

test("the database's values become what JSON can carry", () => {
  assert.deepEqual([1, null, true].map(toPlain), [1, null, true]);
  assert.equal(toPlain(12345678901234567890n), "12345678901234567890");
  assert.equal(toPlain(new Date(0)), "1970-01-01T00:00:00.000Z");
  assert.equal(toPlain(new Uint8Array([255, 0])), "\\xff00");
  assert.equal(toPlain({ a: 1n }), '{"a":"1"}');
  assert.equal(toPlain("x".repeat(501)).length, 501);
  assert.deepEqual(toColumns([{ name: "a", dataTypeID: 23, more: 1 }]), [{ name: "a", dataTypeID: 23 }]);
});

for (const name of ["api", "worker", "metrics", "gateway"]) {
  test(`${name} gets ready, and ends when asked`, async () => {
    const child = spawn(process.execPath, [`services/${name}.mjs`], { stdio: ["pipe", "ignore", "inherit", "ipc"] });
    const ended = once(child, "close");
    assert.deepEqual((await once(child, "message"))[0], "ready");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  });
}
