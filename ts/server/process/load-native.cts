// The one CommonJS file: `require` with fixed paths is what Node, tsc and Next's file tracer all understand, and it can
// be put off until the first use.

export function loadNative(): unknown {
  return require("../../../../native.cjs");
}

export function nativePath(): string {
  return require.resolve("../../../../native.cjs");
}

export function packageVersion(): string {
  return require("../../../../package.json").version;
}
