// Makes the npm packages ready to publish, in place: `node scripts/release.mjs ARTIFACTS`, with the binaries of every platform somewhere
// below that folder. It moves them into npm/*, fills in what is known only now, and prints the folders in the order to publish them in:
// the platforms first, so that the main package never names one that is not there yet.

import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, main, root } from "./lib/run.mjs";

const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const write = (file, json) => writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`);

function binariesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".node"))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function checkVersions(folder, version, platforms, tag) {
  const cargo = /^version = "(.*)"$/m.exec(readFileSync(join(folder, "Cargo.toml"), "utf8"))?.[1];
  const found = { "Cargo.toml": cargo, ...(tag && { "the tag": tag.replace(/^v/, "") }) };
  for (const { name, manifest } of platforms) found[`npm/${name}`] = manifest.version;
  for (const [where, other] of Object.entries(found)) {
    if (other !== version) throw new Failure(`package.json has version ${version}, but ${where} has ${other}`);
  }
}

/**
 * Prepares the packages of `folder`. `tag`: the version that is asked for, such as `v1.2.3`. `repository`: owner and name at GitHub, which
 * provenance is checked against. Returns the folders to publish.
 */
export function prepare(folder, artifacts, { tag, repository } = {}) {
  const file = join(folder, "package.json");
  const manifest = read(file);
  const platforms = readdirSync(join(folder, "npm")).map((name) => {
    const path = join(folder, "npm", name);
    return { name, path, manifest: read(join(path, "package.json")) };
  });
  checkVersions(folder, manifest.version, platforms, tag);

  const binaries = existsSync(artifacts) ? binariesBelow(artifacts) : [];
  const extra = repository && { repository: { type: "git", url: `git+https://github.com/${repository}.git` } };
  for (const { name, path, manifest: platform } of platforms) {
    const binary = binaries.find((candidate) => candidate.endsWith(`.${name}.node`));
    if (!binary) throw new Failure(`there is no binary for ${name} below ${artifacts}`);
    renameSync(binary, join(path, platform.main));
    write(join(path, "package.json"), { ...platform, ...extra });
  }
  const names = platforms.map(({ manifest: { name } }) => name);
  const optionalDependencies = Object.fromEntries(names.map((name) => [name, manifest.version]));
  write(file, { ...manifest, ...extra, optionalDependencies });
  return [...platforms.map(({ name }) => `./npm/${name}`), "."];
}

await main(import.meta.url, () => {
  const [artifacts] = process.argv.slice(2);
  if (!artifacts) throw new Failure("usage: node scripts/release.mjs ARTIFACTS");
  const { GITHUB_REF_TYPE, GITHUB_REF_NAME, GITHUB_REPOSITORY } = process.env;
  const tag = GITHUB_REF_TYPE === "tag" ? GITHUB_REF_NAME : undefined;
  for (const path of prepare(root, artifacts, { tag, repository: GITHUB_REPOSITORY })) console.log(path);
});
