// `npm run pack`: builds, and packs the package as npm would publish it: pack/nself-realtime.tgz without the binary, and pack/nself-realtime-platform.tgz with this
// machine's. The names never change, so that examples and tests can depend on them.

import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import { build } from "./build.mjs";
import { binaryName, platformName } from "./lib/platform.mjs";
import { main, npm, root, step } from "./lib/run.mjs";
import { unlessFresh } from "./lib/stamp.mjs";
import { setup } from "./setup.mjs";

const FILES = [
  "dist",
  "native.cjs",
  "native.d.ts",
  "index.d.ts",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
  "package.json",
];

/** The tarballs, relative to the root. */
export const TARBALLS = ["pack/nself-realtime.tgz", "pack/nself-realtime-platform.tgz"];

async function packFolder(folder, tarball) {
  const { output } = await npm(["pack", folder, "--json", "--ignore-scripts", "--pack-destination", "pack"], {
    quiet: true,
  });
  const [{ filename }] = Object.values(JSON.parse(output.slice(output.search(/^[[{]/m))));
  renameSync(`${root}/pack/${filename}`, `${root}/${tarball}`);
}

/** Packs what is not up to date; the build must be there. */
export async function pack() {
  const platformFolder = `npm/${platformName()}`;
  const inputs = [...FILES, binaryName(), `${platformFolder}/package.json`, "scripts/pack.mjs"];
  await unlessFresh("pack", { inputs, outputs: TARBALLS }, async () => {
    step("packing the npm packages");
    mkdirSync(`${root}/pack`, { recursive: true });
    copyFileSync(`${root}/${binaryName()}`, `${root}/${platformFolder}/${binaryName()}`);
    await packFolder(".", TARBALLS[0]);
    await packFolder(`./${platformFolder}`, TARBALLS[1]);
  });
}

/** The words that install the tarballs in an application, wherever that is. */
function installCommand(words) {
  const paths = TARBALLS.map((path) => `${root}/${path}`).map((path) =>
    /\s/.test(path) ? JSON.stringify(path) : path,
  );
  return [words, ...paths, "socket.io-client"].join(" ");
}

await main(import.meta.url, async () => {
  // `--no-build`: of what is there, such as a binary that was built elsewhere.
  if (!process.argv.includes("--no-build")) {
    await setup();
    await build();
  }
  await pack();
  console.log(
    `\nIn your application's folder:\n  ${installCommand("npm install")}\nor\n  ${installCommand("pnpm add")}\nthen\n  npx nself-realtime init`,
  );
});
