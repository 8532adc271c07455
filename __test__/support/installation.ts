// A folder that looks like an application with the package installed, in a temporary place: the built package itself, and stand-ins for
// the packages that it is used with.

import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const glibc = (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }).header;
const libc = process.platform !== "linux" ? "" : glibc.glibcVersionRuntime ? "-gnu" : "-musl";
const binary = `nself-realtime.${process.platform}-${process.arch}${process.platform === "win32" ? "-msvc" : libc}.node`;

export interface Installation {
  folder: string;
  /** The package's command. */
  command: string;
  /** Writes a file, given by its path in the folder; null removes it. */
  write(path: string, content: string | object | null): void;
  /** Another copy of the package, in `path`, with another version. */
  addCopy(path: string, version: string): void;
  remove(): void;
}

/** A sound installation. */
export function installation(): Installation {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-app-"));
  const own = join(folder, "node_modules/nself-realtime");
  for (const name of ["dist", "native.cjs", "package.json", binary]) {
    cpSync(join(root, name), join(own, name), { recursive: true });
  }
  // What our package depends on.
  for (const name of ["acorn", "@sveltejs/acorn-typescript"]) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name), "junction");
  }
  const write: Installation["write"] = (path, content) => {
    const file = join(folder, path);
    if (content === null) return rmSync(file, { recursive: true });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  };
  write("package.json", { name: "app" });
  for (const [name, version] of Object.entries({ next: "16.4.6", react: "19.3.1", "socket.io-client": "4.8.3" })) {
    write(`node_modules/${name}/package.json`, {
      name,
      version,
      ...(name === "next" && { bin: { next: "./bin.cjs" } }),
    });
  }
  cpSync(join(root, "__test__/fixtures/fake-next.cjs"), join(folder, "node_modules/next/bin.cjs"));
  write("next.config.mjs", 'import { withRealtime } from "nself-realtime/next";\nexport default withRealtime({});\n');
  write("instrumentation.ts", 'export { register } from "nself-realtime";\n');
  return {
    folder,
    command: join(own, "dist/esm/cli/main.js"),
    write,
    addCopy: (path, version) => write(join(path, "nself-realtime/package.json"), { name: "nself-realtime", version }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The binary's path in the folder of an installation. */
export const binaryPath = `node_modules/nself-realtime/${binary}`;
