// The native binary: loads it.

import { binding } from "../../server/process/binding.js";
import { RealtimeError } from "../../server/process/errors.js";
import { type Check, ok, problem } from "./check.js";

const MEND: Record<string, string> = {
  ERR_NATIVE_MISSING: "remove node_modules and install again on this machine, with optional dependencies",
  ERR_NATIVE_MISMATCH: "remove node_modules and install again",
};

/** Whether the binary of this platform is there, loads, and is of this package's version. */
export function checkBinary(): Check {
  try {
    return ok("native binary", `${process.platform}-${process.arch}, version ${binding().version()}`);
  } catch (error) {
    if (!(error instanceof RealtimeError)) throw error;
    return problem("native binary", `${error.code}: ${error.message}`, MEND[error.code] ?? "install again");
  }
}
