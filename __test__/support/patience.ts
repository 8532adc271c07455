// How long tests wait by default for what must become true: as long as for any event. Vitest and Testing Library give up after a second,
// in which a busy machine may do nothing.

import { vi } from "vitest";
import { DEADLINE } from "./deadline.js";

const { waitFor } = vi;
vi.waitFor = (callback, options = {}) =>
  waitFor(callback, typeof options === "number" ? options : { timeout: DEADLINE, ...options });

if (typeof document !== "undefined") {
  const { configure } = await import("@testing-library/react");
  configure({ asyncUtilTimeout: DEADLINE });
}
