// What clients get of a server that is told to end.

import type { Socket } from "socket.io-client";
import type { Envelope, ServiceStatusEvent } from "../../../ts/events.js";
import { fixtures, root } from "./paths.js";
import { Program } from "./program.js";

/** Resolves with the services whose states a client has got when its connection ends. */
export function servicesUntilEnd(socket: Socket): Promise<string[]> {
  const services: string[] = [];
  socket.on("service:status", ({ data }: Envelope<ServiceStatusEvent>) => services.push(data.service));
  return new Promise((resolve) => socket.once("disconnect", () => resolve(services)));
}

/** A connected client that sleeps: it takes nothing, and answers nothing. */
export async function sleeper(url: string): Promise<Program> {
  const program = new Program([`${fixtures}/sleeper.mjs`, url], { cwd: root });
  await program.printed(/connected/);
  program.child.kill("SIGSTOP");
  return program;
}
