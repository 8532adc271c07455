// A Next.js server in a process of its own.

import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixtures } from "./paths.js";
import { Program } from "./program.js";

export type Mode = "dev" | "start" | "standalone";

export interface NextServer {
  program: Program;
  /** Such as `http://127.0.0.1:40123`. */
  url: string;
  port: number;
  /** Where the example keeps what it makes. */
  data: string;
}

export interface NextOptions {
  folder: string;
  mode: Mode;
  /** Default: a free one. */
  port?: number;
  /** The Node binary; default: this one's. */
  node?: string;
  /** More arguments for Next's command; the standalone server takes none. */
  args?: string[];
  /** Where the example keeps what it makes; default: a new folder, removed at the end. */
  data?: string;
  env?: Record<string, string>;
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-data-"));
  folders.push(folder);
  return folder;
}

/** A port that nobody listens on right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts Next and resolves once it answers. `/api/ws/terminal` gets a WebSocket endpoint of somebody else, on the same HTTP server: see
 * fixtures/terminal.cjs.
 */
export async function startNext(options: NextOptions): Promise<NextServer> {
  const { folder, mode, node, args: more = [], env = {} } = options;
  const port = options.port ?? (await freePort());
  const data = options.data ?? temporaryFolder();
  const args =
    mode === "standalone"
      ? [`${folder}/server.js`]
      : [`${folder}/node_modules/next/dist/bin/next`, mode, "-H", "127.0.0.1", "-p", String(port), ...more];
  const program = new Program(args, {
    cwd: folder,
    env: {
      NODE_OPTIONS: `--require=${fixtures}/terminal.cjs`,
      PORT: String(port),
      HOSTNAME: "127.0.0.1",
      NSELF_DATA: data,
      ...env,
    },
    ...(node !== undefined && { node }),
  });
  await program.printed(/Ready in/);
  const url = `http://127.0.0.1:${port}`;
  // Next loads instrumentation.ts with its first request.
  const response = await fetch(url);
  const page = await response.text();
  if (!response.ok) throw new Error(`the app answered ${response.status}: ${page.slice(0, 500)}\n${program.output}`);
  return { program, url, port, data };
}

/** Resolves with whether nothing listens on a port any more. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
