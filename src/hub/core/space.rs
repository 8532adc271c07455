//! A shard's part of one namespace: its sockets and its rooms. Leaving costs what the socket's own rooms cost, not all
//! rooms.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::connection::ConnectionId;
use super::socket::SocketId;
use crate::hub::context::Context;
use crate::hub::ids::Id;
use crate::hub::message::Selection;
use crate::hub::registry::Namespace;
use crate::hub::seeded::Seeded;

/// A socket and the connection under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// The socket.
    pub socket: SocketId,
    /// The connection under it.
    pub connection: ConnectionId,
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
type Members = IndexMap<SocketId, ConnectionId, FxBuildHasher>;

/// A namespace's sockets and rooms on one shard.
pub struct Space {
    /// Whose it is.
    pub server: Arc<Context>,
    /// The namespace.
    pub nsp: Arc<Namespace>,
    members: Members,
    ids: FxHashMap<Id, Member>,
    /// The sockets of users: a tree, for most users have one or two, and some have all.
    users: BTreeMap<(Arc<str>, SocketId), ConnectionId>,
    rooms: HashMap<Arc<str>, Members, Seeded>,
}

impl Space {
    /// Without sockets.
    pub fn new(server: Arc<Context>, nsp: Arc<Namespace>) -> Self {
        let (members, ids, users, rooms) = Default::default();
        Self { server, nsp, members, ids, users, rooms }
    }

    /// Takes in a socket, which is this user's.
    pub fn add(&mut self, id: Id, user: Option<&Arc<str>>, member: Member) {
        if let Some(user) = user {
            self.users.insert((user.clone(), member.socket), member.connection);
        }
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
    pub fn remove(&mut self, id: &Id, user: Option<&Arc<str>>, socket: SocketId) {
        if let Some(user) = user {
            self.users.remove(&(user.clone(), socket));
        }
        self.members.swap_remove(&socket);
        if self.ids.get(id).is_some_and(|member| member.socket == socket) {
            self.ids.remove(id);
        }
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
    pub fn leave(&mut self, room: &str, socket: SocketId) -> bool {
        let Some(members) = self.rooms.get_mut(room) else { return false };
        members.swap_remove(&socket);
        let is_empty = members.is_empty();
        if is_empty {
            self.rooms.remove(room);
        } else if members.capacity() > 64 && members.len() < members.capacity() / 8 {
            members.shrink_to(2 * members.len());
        }
        is_empty
    }

    /// Whether a room has members here.
    pub fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// Calls `visit` once for each selected socket.
    pub fn select(&self, selection: &Selection, mut visit: impl FnMut(Member)) {
        let excluded: FxHashSet<Member> = selection.except.iter().flat_map(|room| self.in_room(room)).collect();
        let mut visit = |member| {
            if excluded.is_empty() || !excluded.contains(&member) {
                visit(member);
            }
        };
        if let Some(user) = &selection.user {
            let rooms = &selection.rooms;
            let is_meant = |member: &Member| rooms.is_empty() || rooms.iter().any(|room| self.is_in(room, *member));
            return self.of_user(user).filter(is_meant).for_each(visit);
        }
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

    /// The sockets of a user.
    pub fn of_user(&self, user: &Arc<str>) -> impl Iterator<Item = Member> + '_ {
        let all = (user.clone(), SocketId::from_bits(0))..=(user.clone(), SocketId::from_bits(u64::MAX));
        self.users.range(all).map(|((_, socket), connection)| Member { socket: *socket, connection: *connection })
    }

    /// The rooms that have members here; those that are ids of sockets are not among them.
    pub fn rooms(&self) -> impl Iterator<Item = &Arc<str>> + '_ {
        self.rooms.keys()
    }

    /// The sockets that joined a room.
    pub fn members_of(&self, room: &str) -> impl Iterator<Item = Member> + '_ {
        self.rooms.get(room).into_iter().flat_map(listed)
    }

    fn is_in(&self, room: &str, member: Member) -> bool {
        self.rooms.get(room).is_some_and(|members| members.contains_key(&member.socket))
            || Id::parse(room).is_some_and(|id| self.ids.get(&id) == Some(&member))
    }

    fn has_id(&self, room: &str) -> bool {
        Id::parse(room).is_some_and(|id| self.ids.contains_key(&id))
    }

    /// All sockets.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        listed(&self.members)
    }

    /// Members of all rooms, one counted for each of its rooms.
    #[cfg(any(test, fuzzing))]
    pub fn stays(&self) -> usize {
        self.rooms.values().map(Members::len).sum()
    }

    /// How many sockets have a user.
    #[cfg(any(test, fuzzing))]
    pub fn owned(&self) -> usize {
        self.users.len()
    }

    /// Whether no socket is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

fn listed(members: &Members) -> impl Iterator<Item = Member> + '_ {
    members.iter().map(|(socket, connection)| Member { socket: *socket, connection: *connection })
}
