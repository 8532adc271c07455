// Types of events by name, equal to those of the socket.io package: `Server<ClientToServer, ServerToClient>`.

// biome-ignore lint/suspicious/noExplicitAny: arguments of events are whatever the other side sent
export type Any = any;

/** Names of events, each with the type of its listener. */
export interface EventsMap {
  [event: string]: Any;
}
/** The default: any event, any arguments. */
export interface DefaultEventsMap {
  [event: string]: (...args: Any[]) => void;
}

/** The names in a map. */
export type EventNames<M extends EventsMap> = keyof M & (string | symbol);
/** The arguments of an event. */
export type EventParams<M extends EventsMap, E extends EventNames<M>> = Parameters<M[E]>;

/** The names of the events that end with an acknowledgement callback; of untyped events all. */
export type EventNamesWithAck<M extends EventsMap, K extends EventNames<M> = EventNames<M>> = Untyped<
  M,
  K,
  K extends (Parameters<M[K]> extends never[] ? never : Last<Parameters<M[K]>> extends AnyFunction ? K : never)
    ? K
    : never
>;
/** The names of the others; of untyped events all. */
export type EventNamesWithoutAck<M extends EventsMap, K extends EventNames<M> = EventNames<M>> = Untyped<
  M,
  K,
  K extends (Parameters<M[K]> extends never[] ? K : never)
    ? K
    : K extends (Last<Parameters<M[K]>> extends AnyFunction ? never : K)
      ? K
      : never
>;
/** The names of the events whose acknowledgement callback gets an error first, as after `timeout(ms)`. */
export type EventNamesWithError<M extends EventsMap, K extends EventNamesWithAck<M> = EventNamesWithAck<M>> = Untyped<
  M,
  K,
  K extends (ParamsOf<Last<Parameters<M[K]>>>[0] extends Error ? K : never) ? K : never
>;
/** The events of a map that have no acknowledgement. */
export type RemoveAcknowledgements<M extends EventsMap> = { [E in EventNamesWithoutAck<M>]: M[E] };

/** The names that `on` takes: reserved ones and the user's. */
export type ReservedOrUserEventNames<Reserved extends EventsMap, User extends EventsMap> =
  | EventNames<Reserved>
  | EventNames<User>;
/** The listener of an event: of a reserved one if the name is reserved, else of the user's map. */
export type ReservedOrUserListener<
  Reserved extends EventsMap,
  User extends EventsMap,
  E extends ReservedOrUserEventNames<Reserved, User>,
> = OrUntyped<E extends EventNames<Reserved> ? Reserved[E] : E extends EventNames<User> ? User[E] : never>;

/** What emits events of a map. */
export interface TypedEventBroadcaster<EmitEvents extends EventsMap> {
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean;
}

/** The last type of a tuple. */
export type Last<T extends readonly unknown[]> = T extends readonly [infer Only]
  ? Only
  : T extends readonly [infer _First, ...infer Tail]
    ? Last<Tail>
    : T extends ReadonlyArray<infer Each>
      ? Each
      : never;
/** A tuple without its last type. */
export type AllButLast<T extends Any[]> = T extends [...infer Head, infer _Last] ? Head : Any[];
/** What an acknowledgement resolves to: the first argument of its callback that is no error. */
export type FirstNonErrorArg<T> = T extends (...args: infer P) => Any ? FirstNonErrorTuple<P> : Any;
/** The first of these types, or the second if that one is an error. */
export type FirstNonErrorTuple<T extends unknown[]> = T[0] extends Error ? T[1] : T[0];
/** Each of these types as a list. */
export type MultiplyArray<T extends unknown[]> = { [K in keyof T]: T[K][] };

/** After `timeout(ms)`: acknowledgement callbacks get an error first. */
export type DecorateAcknowledgements<M> = {
  [E in keyof M]: M[E] extends (...args: infer P) => infer R ? (...args: WithError<P>) => R : M[E];
};
/** Of many sockets: acknowledgement callbacks get a list of answers. */
export type DecorateAcknowledgementsWithMultipleResponses<M> = {
  [E in keyof M]: M[E] extends (...args: infer P) => infer R ? (...args: OfMany<P>) => R : M[E];
};
/** Both. */
export type DecorateAcknowledgementsWithTimeoutAndMultipleResponses<M> = {
  [E in keyof M]: M[E] extends (...args: infer P) => infer R ? (...args: OfMany<WithError<P>>) => R : M[E];
};

type AnyFunction = (...args: Any[]) => Any;
type IsAny<T> = 0 extends 1 & T ? true : false;
/** All names, if the events among them have no types; else these. */
type Untyped<M extends EventsMap, K extends EventNames<M>, Typed> =
  IsAny<Last<Parameters<M[K]>> | M[K]> extends true ? K : Typed;
/** A listener of anything where there would be none: a generic map of events has no names yet. */
type OrUntyped<T> = [T] extends [never] ? (...args: Any[]) => void | Promise<void> : T;
type ParamsOf<T> = T extends (...args: infer P) => Any ? P : never;

type WithError<T extends Any[]> = {
  [K in keyof T]: T[K] extends (...args: infer P) => infer R
    ? P[0] extends Error
      ? T[K]
      : (err: Error, ...args: P) => R
    : T[K];
};
type OfMany<T extends Any[]> = {
  [K in keyof T]: T[K] extends (...args: infer P) => infer R
    ? P extends [Error]
      ? (err: Error) => R
      : P extends [Error, ...infer Rest]
        ? (err: Error, ...args: FirstOf<MultiplyArray<Rest>>) => R
        : P extends []
          ? () => R
          : (...args: FirstOf<MultiplyArray<P>>) => R
    : T[K];
};
/** The first type of a tuple, as a tuple that keeps its label. */
type FirstOf<T extends Any[]> = T extends [Any, ...infer Tail]
  ? T extends [...infer Head, ...Tail]
    ? Head
    : never
  : never;
