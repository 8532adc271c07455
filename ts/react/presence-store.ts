// Who is in a room, once for all components of the page that show it.

import type { LoadPresence, Unsubscribe, WebSocketClient } from "../client/index.js";
import { ControlEvent, type RoomMember } from "../events.js";
import { Members, type PresenceMember } from "./members.js";
import { createStore, type Store } from "./store.js";

/** After a loss of the connection that was longer than this, in ms, who was there before says nothing any more. */
const MEMORY = 30_000;

/** Shortest wait, in ms for each member of a room, before everybody is loaded anew, so that a large room's list is not loaded often. */
const RELOAD = 50;

/** What is known of a room. */
export interface Presence {
  readonly members: readonly PresenceMember[];
  readonly count: number;
  /** Why the whole list could not be loaded. */
  readonly loadError: string | null;
}

interface PresenceRoom {
  store: Store<Presence>;
  /** Of the components that show the room: one is asked for all of them. */
  loaders: Set<LoadPresence>;
  load(): void;
}

export const NOBODY: Presence = Object.freeze({ members: Object.freeze([]), count: 0, loadError: null });

// Only rooms that are shown, or were a moment ago. Filled in effects, so that rendering on the server leaves nothing.
const rooms = new Map<string, PresenceRoom>();

/** What is known of `room` now; the same object until it changes. */
export const presenceOf = (room: string): Presence => rooms.get(room)?.store.get() ?? NOBODY;

/** Follows `room`. `load` gives its members, asked at the beginning and after each reconnect. */
export function followPresence(room: string, load: LoadPresence | undefined, listener: () => void): Unsubscribe {
  let found = rooms.get(room);
  if (!found) {
    found = createRoom(room);
    rooms.set(room, found);
  }
  const { store, loaders } = found;
  const first = loaders.size === 0;
  if (load) loaders.add(load);
  const unsubscribe = store.subscribe(listener);
  if (load && first) found.load();
  return () => {
    if (load) loaders.delete(load);
    unsubscribe();
  };
}

function createRoom(room: string): PresenceRoom {
  const members = new Members();
  const loaders = new Set<LoadPresence>();
  let loadError: string | null = null;
  /** As the server says it, beside which the list may be incomplete. */
  let counted: number | undefined;
  /** That was on an earlier connection. */
  let isOld = false;
  let reload: ReturnType<typeof setTimeout> | undefined;
  let client: WebSocketClient | undefined;
  let changed = () => {};
  // What happened since a load began is newer than its answer.
  let sinceLoad: Array<() => void> | undefined;

  const load = async () => {
    const [loader] = loaders;
    if (!loader || !client) return;
    // Only a member hears who comes and goes; before that nothing could be made of the answer.
    const ack = await client.joinRoom(room);
    void client.leaveRoom(room);
    if (!ack.ok || !client) return;
    const events: Array<() => void> = [];
    sinceLoad = events;
    let list: readonly RoomMember[] | undefined;
    try {
      list = await loader(room);
      loadError = null;
    } catch (error) {
      loadError = error instanceof Error ? error.message : String(error);
    }
    // A newer load, or the end, made this one's answer worthless.
    if (sinceLoad !== events) return;
    sinceLoad = undefined;
    if (list) {
      members.replace(list);
      counted = undefined;
      for (const apply of events) apply();
    }
    changed();
  };

  /** What a room that is not large is told; it may have been. */
  const one = (apply: () => void) => {
    const before = members.count;
    apply();
    if (isOld) counted = undefined;
    else if (counted !== undefined) counted += members.count - before;
  };

  const hear = (apply: () => void) => {
    apply();
    sinceLoad?.push(apply);
    changed();
  };

  /** Somebody came or went of whom nothing more is said. */
  const reloadLater = (count: number) => {
    if (loaders.size === 0) return;
    reload ??= setTimeout(
      () => {
        reload = undefined;
        void load();
      },
      count * RELOAD * (1 + Math.random()),
    );
  };

  const forget = () => {
    members.replace([]);
    counted = undefined;
  };

  const store = createStore(NOBODY, {
    read: () => Object.freeze({ members: members.read(), count: counted ?? members.count, loadError }),
    clear() {
      forget();
      loadError = null;
    },
    listen(ofPage, change) {
      client = ofPage;
      changed = change;
      let lostAt: number | undefined;
      const offs = [
        ofPage.on(ControlEvent.RoomJoined, (data) => {
          if (data.room === room) hear(() => one(() => members.joined(data)));
        }),
        ofPage.on(ControlEvent.RoomLeft, (data) => {
          if (data.room === room) hear(() => one(() => members.left(data)));
        }),
        ofPage.on(ControlEvent.RoomMembers, (data) => {
          if (data.room !== room) return;
          hear(() => {
            for (const member of data.joined) members.joined(member);
            for (const member of data.left) members.left(member);
            counted = data.count;
            isOld = false;
          });
          if (data.more) reloadLater(data.count);
        }),
        ofPage.onStatusChange(({ connected, reconnecting, refused }) => {
          if (reconnecting || refused) lostAt ??= Date.now();
          if (!connected || lostAt === undefined) return;
          if (Date.now() - lostAt > MEMORY) forget();
          else members.forgetAnonymous();
          isOld = true;
          lostAt = undefined;
          changed();
          void load();
        }),
      ];
      void ofPage.joinRoom(room);
      return () => {
        for (const off of offs) off();
        void ofPage.leaveRoom(room);
        clearTimeout(reload);
        client = undefined;
        sinceLoad = undefined;
        rooms.delete(room);
      };
    },
  });
  return { store, loaders, load: () => void load() };
}
