// Folders that the end-to-end tests use.

import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** The example apps. */
export const example = `${root}/examples/nself-admin`;
export const chat = `${root}/examples/chat`;

/** Programs and apps that the tests run. */
export const fixtures = `${root}/__test__/e2e/fixtures`;

/** What the tests install, kept between runs. */
export const cache = `${root}/.cache/e2e`;

/** The packed package and its binary. */
export const tarballs = [`${root}/pack/nself-realtime.tgz`, `${root}/pack/nself-realtime-platform.tgz`];
