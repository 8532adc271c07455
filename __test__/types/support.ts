// Types are compared as exactly as the compiler can.

// biome-ignore lint/suspicious/noExplicitAny: it is what is compared with
export type Any = any;

export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only for types that are the same. */
export declare function equal<Is extends boolean>(is: Is): void;

/** An event as middleware of a socket sees it. */
export type Event = [string, ...Any[]];
