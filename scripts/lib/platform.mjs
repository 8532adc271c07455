// The name that napi-rs gives this machine's platform: the suffix of the binary and of its package.

import { Failure } from "./run.mjs";

/** Such as `linux-x64-gnu`. Throws a Failure where there is no package for this machine. */
export function platformName() {
  const { platform, arch } = process;
  if (!["x64", "arm64"].includes(arch) || !["linux", "darwin", "win32"].includes(platform)) {
    throw new Failure(
      `nself-realtime has no package for ${platform}-${arch}; it knows Linux, macOS and Windows on x64 and arm64`,
    );
  }
  if (platform === "linux") {
    const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
    return `linux-${arch}-${glibc ? "gnu" : "musl"}`;
  }
  return platform === "win32" ? `win32-${arch}-msvc` : `darwin-${arch}`;
}

/** The binary's file name, at the root after a build. */
export const binaryName = () => `nself-realtime.${platformName()}.node`;
