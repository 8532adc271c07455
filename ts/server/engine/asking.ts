// Events that ask all who get them. Who was asked and who has answered is counted on the native side; here is the clock.

import type { Answers } from "../../../native.js";
import type { Native } from "../process/binding.js";
import { encode, restore } from "./binary.js";
import { type EmitFlags, flagBits } from "./flags.js";

/** Gets the answers, once. `whole`: of all who were asked. */
export type Answered = (whole: boolean, answers: unknown[]) => void;

export class Asking {
  readonly #native: Native;
  readonly #server: () => number;
  /** By the numbers of their groups. */
  readonly #waiting = new Map<number, Answered>();
  /** Their time is over, and their answers are on the way. */
  readonly #overdue = new Set<number>();
  #closed = false;

  constructor(native: Native, server: () => number) {
    this.#native = native;
    this.#server = server;
  }

  /**
   * Emits an event whose acknowledgements have this id to the sockets of a namespace that are in one of `rooms` (all if empty) and in
   * none of `except`. They have `flags.timeout` ms to answer; without it a millisecond, as in Socket.IO.
   */
  ask(
    nsp: string,
    rooms: string[],
    except: string[],
    id: number,
    flags: EmitFlags,
    args: unknown[],
    done: Answered,
  ): void {
    const { text, attachments } = encode(args);
    const { native, server } = { native: this.#native, server: this.#server() };
    const group = native.askAll(server, nsp, rooms, except, id, flagBits(flags), text, attachments);
    const timer = setTimeout(() => {
      const late = typeof group === "number" && !this.#closed ? native.endAsking(server, group) : NOTHING;
      if (!late) this.#overdue.add(group as number);
      else {
        this.#waiting.delete(group as number);
        done(false, read(late));
      }
    }, flags.timeout);
    if (typeof group !== "number") return;
    this.#waiting.set(group, (whole, answers) => {
      clearTimeout(timer);
      done(whole, answers);
    });
  }

  /** All have answered. */
  answered(group: number | undefined, text = "[]", data: Buffer[] = []): void {
    const done = group === undefined ? undefined : this.#waiting.get(group);
    if (!done) return;
    this.#waiting.delete(group as number);
    this.#overdue.delete(group as number);
    done(true, read({ text, data }));
  }

  /** Nobody answers any more, and nothing is on the way. */
  close(): void {
    this.#closed = true;
    for (const group of this.#overdue) this.#waiting.get(group)?.(false, []);
    this.#overdue.clear();
  }
}

const NOTHING: Answers = { text: "[]", data: [] };

function read({ text, data }: Answers): unknown[] {
  let at = 0;
  return (JSON.parse(text) as [count: number, value?: unknown][]).map(([count, value]) => {
    if (count === 0) return value;
    const own = data.slice(at, at + count);
    at += count;
    return restore(value, own);
  });
}
