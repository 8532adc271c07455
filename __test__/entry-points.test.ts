// The package's entry points as others resolve them: TypeScript by each of its ways, and code where there is no Node.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import ts from "typescript";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { root } from "./support/documents.js";
import { type Installation, installation } from "./support/installation.js";

let app: Installation;
beforeEach(() => {
  app = installation();
});
afterEach(() => app.remove());

const { exports: entries } = createRequire(import.meta.url)("../package.json") as { exports: Record<string, object> };

describe("types", () => {
  const CODE = `
    import { emitServiceStatus, type RealtimeOptions, Server } from "nself-realtime";
    import "nself-realtime/register";
    import { createRouteHandlers, withRealtime } from "nself-realtime/next";
    import { getWebSocketClient } from "nself-realtime/client";
    import { useServiceStatus } from "nself-realtime/react";
    export { register } from "nself-realtime";
    export const emitted: boolean = emitServiceStatus({ service: "api", status: "running", timestamp: "t" });
    export const options: RealtimeOptions = { pingInterval: 1 };
    export const io: Server = new Server();
    export const config: { poweredByHeader: boolean } = withRealtime({ poweredByHeader: false });
    export const { GET }: { GET(request: Request): Promise<Response> } = createRouteHandlers();
    export const off: () => void = getWebSocketClient().on("service:status", ({ status }) => status satisfies string);
    export const status: string | undefined = useServiceStatus("api").status?.status;
    // @ts-expect-error none of the statuses
    emitServiceStatus({ service: "api", status: "sleeping", timestamp: "t" });`;

  // As create-next-app 14 and 15 ("node"), 16 ("bundler"), and Node's own ways write it.
  const WAYS: Record<string, object> = {
    node: { module: "esnext", moduleResolution: "node" },
    bundler: { module: "esnext", moduleResolution: "bundler" },
    "node16, in a module": { module: "node16", moduleResolution: "node16" },
    nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  };

  test.each(Object.entries(WAYS))("of every entry point are found: %s", { timeout: 60_000 }, (name, way) => {
    for (const entry of Object.keys(entries)) {
      if (entry !== "./package.json") expect(CODE).toContain(`"${entry.replace(".", "nself-realtime")}"`);
    }
    app.write("package.json", { name: "app", type: name.includes("module") ? "module" : "commonjs" });
    app.write("code.ts", CODE);
    for (const each of ["react", "socket.io-client"])
      rmSync(join(app.folder, "node_modules", each), { recursive: true });
    mkdirSync(join(app.folder, "node_modules/@types"));
    for (const each of ["@types/react", "@types/node", "socket.io-client"]) {
      symlinkSync(join(root, "node_modules", each), join(app.folder, "node_modules", each));
    }
    for (const each of ["index.d.ts", "native.d.ts"])
      cpSync(join(root, each), join(app.folder, "node_modules/nself-realtime", each));
    const { options } = ts.convertCompilerOptionsFromJson(
      {
        ...way,
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        target: "es2022",
        lib: ["es2022", "dom", "dom.iterable"],
      },
      app.folder,
    );
    const program = ts.createProgram([join(app.folder, "code.ts")], options);
    const found = ts
      .getPreEmitDiagnostics(program)
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
    expect(found).toEqual([]);
  });
});

describe("where there is no Node", () => {
  /** Runs code in the application's folder with a condition of resolution; what it printed as JSON. */
  function run(condition: string, code: string, env: Record<string, string> = {}): unknown {
    app.write("code.mjs", code);
    const { stdout, stderr } = spawnSync(process.execPath, ["-C", condition, "code.mjs"], {
      cwd: app.folder,
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "", ...env },
    });
    if (stdout === "") throw new Error(stderr);
    return JSON.parse(stdout);
  }
  const names = (entry: string) =>
    `const found = await import("${entry}"); console.log(JSON.stringify(Object.keys(found).sort()));`;
  const CONDITIONS = ["edge-light", "workerd", "browser"];

  test.each(CONDITIONS)("has the names of the server's entry points: %s", (condition) => {
    for (const entry of ["nself-realtime", "nself-realtime/next"]) {
      expect(run(condition, names(entry))).toEqual(run("node", names(entry)));
    }
  });

  const USE = `
    const answers = {};
    for (const entry of ["nself-realtime", "nself-realtime/next"]) {
      for (const [name, value] of Object.entries(await import(entry))) {
        if (typeof value !== "function" || name.startsWith("is") || name === "RealtimeError") continue;
        for (const use of [() => value(), () => new value()]) {
          try {
            use();
            answers[name] = "nothing";
          } catch ({ code, message }) {
            answers[name] = message.includes(name) && message.includes("nself-realtime/client") ? code : message;
          }
        }
      }
    }
    console.log(JSON.stringify(answers));`;

  test.each(CONDITIONS)("each of them says what to do: %s", (condition) => {
    const answers = run(condition, USE) as Record<string, string>;
    expect(Object.keys(answers).length).toBeGreaterThan(15);
    expect(new Set(Object.values(answers))).toEqual(new Set(["ERR_NOT_NODE"]));
  });

  test("at Next's edge only register() does nothing, as instrumentation.ts runs there, too", () => {
    const answers = run("edge-light", USE, { NEXT_RUNTIME: "edge" }) as Record<string, string>;
    const { register, ...others } = answers;
    expect(register).toBe("nothing");
    expect(new Set(Object.values(others))).toEqual(new Set(["ERR_NOT_NODE"]));
  });

  test.each(CONDITIONS)("the hooks and the client are the same: %s", (condition) => {
    const client = 'console.log(JSON.stringify(import.meta.resolve("nself-realtime/client")));';
    expect(run(condition, client)).toMatch(/dist\/esm\/client\/index\.js$/);
  });
});
