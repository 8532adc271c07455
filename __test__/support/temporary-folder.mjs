// What tests leave in the temporary folder is gone with the run.

import { ownTemporaryFolder } from "../../scripts/lib/temporary.mjs";

export const setup = () => ownTemporaryFolder();
