// A temporary folder for everything that a run leaves behind: a test that is killed cannot clean up after itself.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NAMES = ["TMPDIR", "TMP", "TEMP"];

/** Makes the folder the temporary one of this process and of all that it starts. Returns the function that removes it, which an exit calls, too. */
export function ownTemporaryFolder() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "nself-realtime-run-")));
  const before = NAMES.map((name) => [name, process.env[name]]);
  for (const name of NAMES) process.env[name] = folder;
  const remove = () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    // What still runs may write while it is removed.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    process.off("exit", remove);
  };
  process.once("exit", remove);
  return remove;
}
