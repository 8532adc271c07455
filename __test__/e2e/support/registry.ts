// A registry that has our packages as they would be published, each platform's among them, and sends clients elsewhere for all others: so
// that `npm install nself-realtime` is tested as it is written in the README.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, tarballs } from "./paths.js";

export interface Registry {
  url: string;
  close(): Promise<void>;
}

interface Manifest {
  name: string;
  version: string;
}

const read = (path: string) => JSON.parse(readFileSync(`${root}/${path}`, "utf8")) as Manifest;

const npm = (...args: string[]) =>
  execFileSync("npm", args, {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "ignore"],
  });

/** Starts it on a free port of loopback. */
export async function startRegistry(): Promise<Registry> {
  const upstream = npm("config", "get", "registry").trim();
  const names = readdirSync(`${root}/npm`);
  const platforms = names.map((name) => read(`npm/${name}/package.json`));
  // Those of other platforms have no binary here.
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-registry-"));
  npm("pack", "--ignore-scripts", "--pack-destination", folder, ...names.map((name) => `./npm/${name}`));
  const [packed = ""] = tarballs;
  const ours = read("package.json");
  const optionalDependencies = Object.fromEntries(platforms.map(({ name, version }) => [name, version]));
  const manifests: Manifest[] = [Object.assign(ours, { optionalDependencies }), ...platforms];

  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const [, name, tarball] = (request.url ?? "").split("/").map(decodeURIComponent);
    const manifest = manifests.find((candidate) => candidate.name === name);
    if (!manifest) {
      response.writeHead(307, { location: new URL(request.url?.slice(1) ?? "", upstream).href }).end();
      return;
    }
    const { version } = manifest;
    const file = readFileSync(manifest.name === ours.name ? packed : join(folder, `${name}-${version}.tgz`));
    if (tarball) {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(file);
      return;
    }
    const dist = {
      tarball: `http://127.0.0.1:${port}/${name}/${name}-${version}.tgz`,
      integrity: `sha512-${createHash("sha512").update(file).digest("base64")}`,
      shasum: createHash("sha1").update(file).digest("hex"),
    };
    const versions = { [version]: { ...manifest, dist } };
    const packument = { name, "dist-tags": { latest: version }, versions, time: { [version]: "2026-01-01T00:00:00Z" } };
    response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(packument));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      rmSync(folder, { recursive: true });
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
