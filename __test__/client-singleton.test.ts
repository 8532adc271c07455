// The page's one client: made by the first call, and what later calls want otherwise is not ignored in silence.

import { afterEach, expect, it, vi } from "vitest";
import { getWebSocketClient } from "../ts/client/index.js";

const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
afterEach(() => warn.mockClear());

it("counts the options of the first call, and warns once of each other one that a later call gives", () => {
  const auth = { token: "secret-1" };
  const made = getWebSocketClient({ url: "http://127.0.0.1:1", auth, timeout: 500 });
  // The same, by itself, by default, or by a function that nobody can compare.
  getWebSocketClient();
  getWebSocketClient({ url: "http://127.0.0.1:1", auth: { token: "secret-1" }, path: "/api/ws" });
  getWebSocketClient({ transports: ["websocket", "polling"], jitter: 0.5, linger: undefined } as object);
  expect(warn).not.toHaveBeenCalled();

  expect(getWebSocketClient({ path: "/other", auth: { token: "secret-2" }, timeout: 500 })).toBe(made);
  expect(made.options).toMatchObject({ path: "/api/ws", auth, timeout: 500, linger: 5000 });
  expect(warn).toHaveBeenCalledTimes(1);
  const text = String(warn.mock.calls[0]?.[0]);
  expect(text).toMatch(/"path", "auth"/);
  expect(text).not.toMatch(/secret|timeout/);

  getWebSocketClient({ path: "/other" });
  expect(warn).toHaveBeenCalledTimes(1);
  getWebSocketClient({ path: "/other", jitter: 0 });
  expect(warn).toHaveBeenCalledTimes(2);
  expect(String(warn.mock.calls[1]?.[0])).toMatch(/: "jitter"\./);
});
