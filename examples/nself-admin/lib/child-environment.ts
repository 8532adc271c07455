// The environment of the programs that this admin starts: its own, without what is meant for Next itself.

import { dataFolder } from "./data-folder";

/** NODE_OPTIONS would load a preload of the admin into every child; the password and the port are the admin's alone. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, NSELF_ADMIN_PASSWORD, PORT, ...rest } = process.env;
  return { ...rest, NSELF_DATA: dataFolder() };
}
