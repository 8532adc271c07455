// What `require("nself-realtime")` gives: all that the module exports, and itself a function that makes a `Server`, as
// `require("socket.io")` is.

import exported = require("./index.js");

const callable = (...given: ConstructorParameters<typeof exported.Server>) => new exported.Server(...given);
const { __esModule, ...named } = Object.getOwnPropertyDescriptors(exported) as PropertyDescriptorMap;

module.exports = Object.defineProperties(callable, named);
