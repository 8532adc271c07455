//! The room registry: a shard's part of each namespace, its sockets and its rooms. One owner, the shard's thread; no
//! lock. Leaving costs what the socket's own rooms cost, not all rooms.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use super::ids::Id;

/// A socket by its place in the shard.
pub type SocketIndex = u32;

/// A socket and its connection, by their places in the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// The socket.
    pub socket: SocketIndex,
    /// The connection under it.
    pub connection: u32,
}

/// What joining a room came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It is the room's first member here.
    First,
    /// It is one more.
    Another,
    /// It was there.
    Already,
}

/// Connections by their sockets.
type Members = IndexMap<SocketIndex, u32, FxBuildHasher>;

/// Names of rooms.
pub type Names = SmallVec<[Arc<str>; 1]>;

/// Who gets an event: the sockets in any of `rooms` (all, if there are none), without those in any of `except`. A
/// socket's id counts as a room that only it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Room names; one, as a rule.
    pub rooms: Names,
    /// Room names.
    pub except: Names,
}

impl Selection {
    /// The members of one room.
    pub fn room(name: Arc<str>) -> Self {
        Self { rooms: smallvec![name], except: Names::default() }
    }
}

/// A namespace's sockets and rooms on one shard.
#[derive(Debug, Default)]
pub struct Space {
    members: Members,
    ids: FxHashMap<Id, Member>,
    rooms: FxHashMap<Arc<str>, Members>,
}

impl Space {
    /// Takes in a socket.
    pub fn add(&mut self, id: Id, member: Member) {
        self.members.insert(member.socket, member.connection);
        self.ids.insert(id, member);
    }

    /// A socket leaves the room that is its id: it cannot be addressed any more.
    pub fn hide(&mut self, id: &Id) {
        self.ids.remove(id);
    }

    /// It comes back into that room.
    pub fn show(&mut self, id: Id, member: Member) {
        self.ids.insert(id, member);
    }

    /// Whether a socket is in the room that is its id.
    pub fn shows(&self, id: &Id) -> bool {
        self.ids.contains_key(id)
    }

    /// Forgets a socket that is in no room any more.
    pub fn remove(&mut self, id: &Id, socket: SocketIndex) {
        self.members.swap_remove(&socket);
        self.ids.remove(id);
    }

    /// Puts a socket into a room.
    pub fn join(&mut self, room: &Arc<str>, Member { socket, connection }: Member) -> Joined {
        let Some(members) = self.rooms.get_mut(room) else {
            self.rooms.entry(room.clone()).or_default().insert(socket, connection);
            return Joined::First;
        };
        if members.insert(socket, connection).is_none() { Joined::Another } else { Joined::Already }
    }

    /// Takes a socket out of a room; an empty room is gone. True: it was the last member.
    pub fn leave(&mut self, room: &str, socket: SocketIndex) -> bool {
        let Some(members) = self.rooms.get_mut(room) else { return false };
        members.swap_remove(&socket);
        let is_empty = members.is_empty();
        if is_empty {
            self.rooms.remove(room);
        }
        is_empty
    }

    /// Whether it has a room of this name.
    pub fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// The names of its rooms, the sockets' own ones not counted.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rooms.keys()
    }

    /// Calls `visit` once for each selected socket.
    pub fn select(&self, selection: &Selection, mut visit: impl FnMut(Member)) {
        let excluded: FxHashSet<Member> = selection.except.iter().flat_map(|room| self.in_room(room)).collect();
        let mut visit = |member| {
            if excluded.is_empty() || !excluded.contains(&member) {
                visit(member);
            }
        };
        match selection.rooms.as_slice() {
            [] => self.members().for_each(visit),
            [room] if !self.has_id(room) => self.in_room(room).for_each(visit),
            rooms => {
                let mut seen = FxHashSet::default();
                for member in rooms.iter().flat_map(|room| self.in_room(room)) {
                    if seen.insert(member) {
                        visit(member);
                    }
                }
            }
        }
    }

    /// The sockets of a room, the one whose id it is included.
    pub fn in_room(&self, room: &str) -> impl Iterator<Item = Member> + '_ {
        let named = Id::parse(room).and_then(|id| self.ids.get(&id)).copied();
        self.rooms.get(room).into_iter().flat_map(listed).chain(named)
    }

    fn has_id(&self, room: &str) -> bool {
        Id::parse(room).is_some_and(|id| self.ids.contains_key(&id))
    }

    /// All sockets.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        listed(&self.members)
    }

    /// Whether no socket is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

fn listed(members: &Members) -> impl Iterator<Item = Member> + '_ {
    members.iter().map(|(socket, connection)| Member { socket: *socket, connection: *connection })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(space: &Space, rooms: &[&str], except: &[&str]) -> Vec<SocketIndex> {
        let names = |list: &[&str]| list.iter().map(|room| Arc::from(*room)).collect();
        let mut out = Vec::new();
        space.select(&Selection { rooms: names(rooms), except: names(except) }, |member| out.push(member.socket));
        out.sort_unstable();
        out
    }

    fn member(socket: SocketIndex) -> Member {
        Member { socket, connection: socket + 100 }
    }

    #[test]
    fn selections() {
        let mut space = Space::default();
        let ids: Vec<Id> = (0..4).map(|i| Id::parse(&format!("{i:020}")).unwrap()).collect();
        for (socket, id) in ids.iter().enumerate() {
            space.add(*id, member(socket as u32));
        }
        for (room, socket) in [("a", 0), ("a", 1), ("b", 1), ("b", 2)] {
            assert_ne!(space.join(&room.into(), member(socket)), Joined::Already);
            assert_eq!(space.join(&room.into(), member(socket)), Joined::Already);
        }
        assert_eq!(selected(&space, &[], &[]), [0, 1, 2, 3]);
        assert_eq!(selected(&space, &["a", "b"], &[]), [0, 1, 2]);
        assert_eq!(selected(&space, &["a", "b"], &["b"]), [0]);
        assert_eq!(selected(&space, &[ids[3].as_str(), "a"], &[ids[0].as_str()]), [1, 3]);
        assert_eq!(selected(&space, &["nobody"], &[]), [0u32; 0]);
        assert!(!space.leave("a", 0));
        assert!(space.leave("a", 1));
        assert!(!space.leave("a", 1));
        assert_eq!((selected(&space, &["a"], &[]).len(), space.rooms.len()), (0, 1));
        space.remove(&ids[3], 3);
        assert_eq!(selected(&space, &[ids[3].as_str()], &[]).len(), 0);
    }
}
