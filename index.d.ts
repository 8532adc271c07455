// Types of the package for tools that do not read "exports".
export * from "./dist/esm/server/index.js";
