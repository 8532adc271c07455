// Types of events by name, compatible with those of the socket.io package: `Server<ClientToServer, ServerToClient>`.

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

export type EventNames<M extends EventsMap> = keyof M & (string | symbol);
export type EventParams<M extends EventsMap, E extends EventNames<M>> = Parameters<M[E]>;

/** The listener of an event: of a reserved one if the name is reserved, else of the user's map. */
export type Listener<Reserved extends EventsMap, User extends EventsMap, E> = E extends keyof Reserved
  ? Reserved[E]
  : E extends keyof User
    ? User[E]
    : never;

export type Last<T extends Any[]> = T extends [...infer _Head, infer L] ? L : Any;
export type AllButLast<T extends Any[]> = T extends [...infer H, infer _Tail] ? H : Any[];
/** What an acknowledgement resolves to: the first argument of its callback that is no error. */
export type Acknowledged<T> = T extends (...args: infer P) => Any ? (P[0] extends Error ? P[1] : P[0]) : Any;

type PrependError<T extends Any[]> = {
  [K in keyof T]: T[K] extends (...args: infer P) => infer R
    ? P[0] extends Error
      ? T[K]
      : (err: Error, ...args: P) => R
    : T[K];
};
/** After `timeout(ms)`: acknowledgement callbacks get an error first. */
export type WithTimeout<M extends EventsMap> = {
  [E in keyof M]: M[E] extends (...args: infer P) => infer R ? (...args: PrependError<P>) => R : M[E];
};
