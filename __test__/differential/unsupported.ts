// What our server does not do: it refuses by name, it never does something else in silence. A case leaves this list when
// its feature arrives.

const originCode = /"cors\.origin" is not supported/;

/** The error that each of these cases ends with. */
export const unsupported: Record<string, RegExp> = {
  "cors: origin a list with an expression": originCode,
  "cors: origin an expression": originCode,
  "cors: origin a function that gives true": originCode,
  "cors: origin a function that gives a list": originCode,
  "cors: a function for the whole configuration": /"cors" is not supported: a function per request/,
  "cors: credentials with *": /"\*" would let every site act for its visitors/,
  "cors: the origin http://evil.example, an expression: polling": originCode,
  "cors: the origin http://evil.example, an expression: websocket": originCode,
  "cors: the origin null, an expression: polling": originCode,
  "cors: the origin null, an expression: websocket": originCode,
  "cors: the origin http://evil.example, an expression: preflight": originCode,
  "cors: the origin http://evil.example, a function that gives false: polling": originCode,
  "cors: the origin http://evil.example, a function that gives false: websocket": originCode,
  "cors: the origin null, a function that gives false: polling": originCode,
  "cors: the origin null, a function that gives false: websocket": originCode,
  "cors: the origin http://evil.example, a function that gives false: preflight": originCode,
  "cors: the origin http://evil.example, a function that fails: polling": originCode,
  "cors: the origin http://evil.example, a function that fails: websocket": originCode,
  "cors: the origin null, a function that fails: polling": originCode,
  "cors: the origin null, a function that fails: websocket": originCode,
  "cors: the origin http://evil.example, a function that fails: preflight": originCode,
};
