// What our server does not do: it refuses by name, it never does something else in silence. A case leaves this list when
// its feature arrives.

/** The error that each of these cases ends with. */
export const unsupported: Record<string, RegExp> = {};
