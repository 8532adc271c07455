//! Connection state recovery: what a socket was when it was cut off, and whether that, with the journal, says exactly what
//! its client missed. `recovered: true` means: nothing missing, nothing twice, in order.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::access::Identity;
use super::socket::{Rooms, SocketId, Stay};
use crate::hub::event::SocketKey;
use crate::hub::ids::Id;
use crate::hub::journal::{Journal, Position, Wants};
use crate::hub::message::{Change, Selection};
use crate::hub::registry::Namespace;
use crate::hub::run::OVERHEAD;
use crate::protocol::frame::Frame;
use crate::protocol::json;
use crate::session::Millis;

/// A room that was left, with the messages that came while the socket was in it: behind `from`, up to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The room.
    pub room: Arc<str>,
    /// The last message before.
    pub from: Position,
    /// The last message within.
    pub to: Position,
}

/// What is known of a socket that is in, in case that it is cut off.
#[derive(Debug)]
pub struct Track {
    /// The secret by which its client takes it up again.
    pub pid: Id,
    /// The last message before it was let in, or since when it is recovered.
    pub since: Position,
    /// The last event that was put into its outbox.
    pub sent: Position,
    /// The last message before it came into its own room, if it is there.
    pub own: Option<Position>,
    /// Rooms that it left.
    pub past: Vec<Past>,
    /// It is still given what it missed: all up to here it has got.
    pub replay: Option<Position>,
    /// Packets for it alone, which come behind that.
    pub deferred: Vec<Frame>,
}

impl Track {
    /// Of a socket that is let in behind this place.
    pub fn new(pid: Id, since: Position) -> Self {
        Self { pid, since, sent: since, own: Some(since), past: Vec::new(), replay: None, deferred: Vec::new() }
    }

    /// Keeps packets for it alone until it has got what it missed. Returns what all that are kept cost.
    pub fn defer(&mut self, frames: impl IntoIterator<Item = Frame>) -> usize {
        self.deferred.extend(frames);
        self.deferred.iter().map(|frame| frame.len() + OVERHEAD).sum()
    }

    /// It left a room in which it was from a place on. `start`: the first place that the journal still knows.
    pub fn left(&mut self, room: Arc<str>, from: Position, at: Position, start: Position) {
        if self.past.len() >= 64 && self.past.len().is_power_of_two() {
            self.past.retain(|past| past.to > start);
        }
        self.past.push(Past { room, from, to: at });
    }
}

/// A socket that was cut off, and may come back.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its socket id, which it keeps.
    pub id: Id,
    /// The secret by which it is known.
    pub pid: Id,
    /// Who was behind its connection.
    pub identity: Option<Arc<Identity>>,
    /// Whose it is: nobody's, if its connection became somebody's after it was let in.
    pub user: Option<Arc<str>>,
    /// Its rooms.
    pub rooms: Rooms,
    /// The last message before it came into its own room, if it is there.
    pub own: Option<Position>,
    /// Rooms that it left.
    pub past: Vec<Past>,
    /// The last message before it was let in.
    pub since: Position,
    /// The last event that was put into its outbox.
    pub sent: Position,
    /// The last message before it was cut off: what came up to it was sent, if it was for it.
    pub cut: Position,
    /// The last change that was done to it.
    pub changed: Position,
    /// Until when it is kept.
    pub until: Millis,
    /// For others it has never been away.
    pub silent: bool,
}

impl Session {
    /// Behind which place its client lacks something, by what it says (`mark`: what the last event carried). None: that
    /// cannot be known any more.
    pub fn lacks_from(&self, mark: Option<&str>, journal: &dyn Journal) -> Option<Position> {
        let got = mark.map_or(Some(self.since), |mark| journal.place(mark))?;
        // All that was sent has arrived: what is older may be forgotten.
        let from = if got >= self.sent { got.max(self.cut) } else { got };
        (from >= journal.start()).then_some(from)
    }

    /// Does to it what was done while it was away, up to `until`. False: it is over, or that cannot be known.
    pub fn catch_up(&mut self, journal: &dyn Journal, until: Position) -> bool {
        if until <= self.changed {
            return true;
        }
        let Some(changes) = journal.changes(self.changed, until) else { return false };
        for (at, to, change) in changes {
            if !to.selects(self.user.as_deref(), |room| self.is_in(room)) {
                continue;
            }
            match change {
                Change::Join(rooms) => rooms.into_iter().for_each(|room| self.enter(room, at)),
                Change::Leave(rooms) => rooms.iter().for_each(|room| self.leave(room, at)),
                Change::LeaveAll => {
                    let rooms: Vec<Arc<str>> = self.rooms.keys().cloned().collect();
                    rooms.iter().for_each(|room| self.leave(room, at));
                    let own = self.id;
                    self.leave(own.as_str(), at);
                }
                Change::Disconnect(_) => return false,
            }
        }
        self.changed = until;
        true
    }

    fn is_in(&self, room: &str) -> bool {
        if *room == *self.id.as_str() { self.own.is_some() } else { self.rooms.contains_key(room) }
    }

    fn enter(&mut self, room: Arc<str>, at: Position) {
        if *room == *self.id.as_str() {
            self.own.get_or_insert(at);
        } else {
            self.rooms.entry(room).or_insert(Stay { since: at, asked: false });
        }
    }

    /// It is in a room no more.
    pub fn leave(&mut self, room: &str, at: Position) {
        if let Some(from) = self.own.take_if(|_| *room == *self.id.as_str()) {
            self.past.push(Past { room: room.into(), from, to: at });
        }
        if let Some((room, stay)) = self.rooms.swap_remove_entry(room) {
            self.past.push(Past { room, from: stay.since, to: at });
        }
    }
}

/// Whose a socket is, in which rooms it was, and when.
pub struct Was<'a> {
    /// Its user.
    pub user: Option<&'a Arc<str>>,
    /// Its own room.
    pub id: &'a Id,
    /// The last message before it came into that, if it is there.
    pub own: Option<Position>,
    /// Where it is.
    pub rooms: &'a Rooms,
    /// Where it was.
    pub past: &'a [Past],
}

impl Wants for Was<'_> {
    fn rooms(&self) -> Vec<Arc<str>> {
        let past = self.past.iter().map(|past| past.room.clone());
        self.rooms.keys().cloned().chain(past).chain([self.id.as_str().into()]).collect()
    }

    fn user(&self) -> Option<Arc<str>> {
        self.user.cloned()
    }

    fn wants(&self, at: Position, to: &Selection) -> bool {
        to.selects(self.user.map(|user| &**user), |room| {
            self.own.is_some_and(|since| at > since && *room == *self.id.as_str())
                || self.rooms.get(room).is_some_and(|stay| at > stay.since)
                || self.past.iter().any(|past| *past.room == *room && at > past.from && at <= past.to)
        })
    }
}

/// A shard wants a session that another one has.
#[derive(Debug)]
pub struct Claim {
    /// Of this namespace.
    pub nsp: u32,
    /// The session.
    pub pid: Id,
    /// Whose it must be.
    pub user: Option<Arc<str>>,
    /// The socket that waits for it.
    pub socket: SocketKey,
    /// Which shard's that is.
    pub shard: usize,
}

/// What a client that comes says of its session: CONNECT's auth.
pub fn presented(auth: &str) -> Option<(Id, Option<String>)> {
    Some((Id::parse(&json::field(auth, "pid")?)?, json::field(auth, "offset")))
}

/// A session that a client wants to take up again.
#[derive(Debug)]
pub struct Returning {
    /// The session.
    pub pid: Id,
    /// The mark of the last event that the client got.
    pub mark: Option<String>,
    /// Its socket id.
    pub id: Id,
    /// Whose it is.
    pub user: Option<Arc<str>>,
    /// JavaScript was told of it, and takes the socket for recovered if the user is the same.
    pub offered: bool,
    /// It, once it is here.
    pub session: Option<Box<Session>>,
    /// Behind which place its client lacks something; told when the session comes.
    pub lacks_from: Position,
}

/// A session without a connection.
pub struct Away {
    /// In which namespace.
    pub nsp: Arc<Namespace>,
    /// Of which server.
    pub server: u32,
    /// What it was.
    pub session: Box<Session>,
}

/// What a shard knows of recovery.
#[derive(Default)]
pub struct Recovery {
    /// By `pid`.
    pub away: FxHashMap<Id, Away>,
    /// `pid`s of sockets that are in.
    pub present: FxHashMap<Id, SocketId>,
    /// The last message of each namespace that this shard has handled.
    cursors: FxHashMap<u32, Position>,
    /// Sockets that are still given what they missed.
    pub replaying: Vec<SocketId>,
    /// Sockets for which another shard is asked.
    pub claims: FxHashMap<SocketKey, Asked>,
}

/// Another shard is asked for a session.
pub struct Asked {
    /// Which logouts had come then.
    pub at: u64,
    /// In which namespace.
    pub nsp: Arc<Namespace>,
    /// Of which server.
    pub server: u32,
    /// Which session.
    pub pid: Id,
    /// Which shard.
    pub owner: usize,
    /// Whoever wanted it was thrown out.
    pub is_over: bool,
}

impl Recovery {
    /// How far this shard is in a namespace.
    pub fn cursor(&self, nsp: u32) -> Position {
        self.cursors.get(&nsp).copied().unwrap_or_default()
    }

    /// A message was handled. Those that are handled together need not come in their order.
    pub fn advance(&mut self, nsp: u32, position: Position) {
        let cursor = self.cursors.entry(nsp).or_default();
        *cursor = position.max(*cursor);
    }

    /// A namespace is over.
    pub fn forget_namespace(&mut self, nsp: u32) {
        self.cursors.remove(&nsp);
    }

    /// A server is over.
    pub fn forget(&mut self, server: u32, namespaces: &[Arc<Namespace>]) {
        self.away.retain(|_, away| away.server != server);
        for nsp in namespaces {
            self.cursors.remove(&nsp.id);
        }
    }
}
