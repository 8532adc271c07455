// `instanceof` across copies of this package: an application has two where one part imports it and another requires it.

type Class = abstract new (...args: never[]) => object;

/** Makes `instanceof` of `type` hold for objects of the class of the same name in every copy. Subclasses are told apart as always. */
export function acrossCopies(type: Class, name: string): void {
  const brand = Symbol.for(`nself-realtime.${name}`);
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, object: unknown) {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this as Class, object);
      return typeof object === "object" && object !== null && brand in object;
    },
  });
}
