// Reads a command's own arguments. What is not known is an error, with a guess at what was meant.

import { type ParseArgsConfig, parseArgs } from "node:util";
import { didYouMean } from "../server/process/closest.js";

/** An error of whoever typed the command: shown without a stack. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = {
  [Name in keyof T]?: T[Name]["type"] extends "boolean" ? boolean : string;
} & { help?: boolean };

/** What every command takes. */
const HELP = { help: { type: "boolean", short: "h" } } as const;

/** The options and at most `most` other words of `args`. Throws a UsageError. */
export function readArguments<T extends Options>(
  args: string[],
  own: T,
  most: number,
): { values: Values<T>; words: string[] } {
  const options: Options = { ...own, ...HELP };
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== "option" || Object.hasOwn(options, token.name)) continue;
    const names = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`there is no option ${token.rawName}${didYouMean(token.rawName, names)}`);
  }
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [extra] = positionals.slice(most);
    if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
    return { values: values as Values<T>, words: positionals };
  } catch (error) {
    // Such as a value that is missing.
    throw error instanceof TypeError ? new UsageError(error.message.replace(/^Option /, "option ")) : error;
  }
}
