// What our server does not do: it refuses by name, it never does something else in silence. A case leaves this list when
// its feature arrives.

const dynamic = /a dynamic namespace is not supported/;
const broadcastAck = /an acknowledgement of a broadcast is not supported/;

/** The error that each of these cases ends with. */
export const unsupported: Record<string, RegExp> = {
  "packets: dynamic namespaces by a regular expression": dynamic,
  "packets: dynamic namespaces by a function": dynamic,

  "acks: a broadcast asks everybody": broadcastAck,
  "acks: a broadcast that not everybody answers": broadcastAck,
};
