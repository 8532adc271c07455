//! One client in one namespace.

use std::sync::Arc;

use indexmap::IndexMap;

use super::arena;
use super::connection::{ConnectionId, Ending};
use super::recovery::{Returning, Track};
use crate::hub::acks::Ask;
use crate::hub::event::SocketKey;
use crate::hub::ids::Id;
use crate::hub::journal::Position;
use crate::hub::registry::Namespace;
use crate::hub::seeded::Seeded;
use crate::session::Millis;

/// Names a socket on its shard.
pub type SocketId = arena::Id<Socket>;

/// The name of a socket, or of a connection, for JavaScript: the shard above the id.
pub fn key_of<T>(shard: usize, id: arena::Id<T>) -> SocketKey {
    (shard as u64) << (arena::INDEX_BITS + arena::GENERATION_BITS) | id.to_bits()
}

/// The shard of a socket.
pub fn shard_of(key: SocketKey) -> usize {
    (key >> (arena::INDEX_BITS + arena::GENERATION_BITS)) as usize
}

/// Being in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// The last message of the namespace that was before it.
    pub since: Position,
    /// The client asked for it, and must ask again when it comes back.
    pub asked: bool,
}

/// Rooms that a socket is in, its own not counted.
pub type Rooms = IndexMap<Arc<str>, Stay, Seeded>;

/// A room about which JavaScript has yet to decide.
pub struct Joining {
    /// Names the question.
    pub token: u32,
    /// The room.
    pub room: Arc<str>,
    /// The client's own question, which is answered; none if it only comes back.
    pub ack: Option<f64>,
    /// The client was in it before it was cut off.
    pub returns: bool,
}

/// How far a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// JavaScript decides.
    Asking,
    /// It is let in when the input at hand is read.
    Waiting,
    /// Another shard is asked for the session that it takes up.
    Claiming,
    /// JavaScript decides on rooms that it was in.
    Returning,
    /// It is in.
    Joined,
}

/// One client in one namespace.
pub struct Socket {
    /// The connection under it.
    pub connection: ConnectionId,
    /// The namespace.
    pub nsp: Arc<Namespace>,
    /// By which the application names it.
    pub id: Id,
    /// How far it is.
    pub stage: Stage,
    /// Its rooms.
    pub rooms: Rooms,
    /// Rooms about which JavaScript has yet to decide.
    pub joining: Vec<Joining>,
    /// Events for many that it was asked to answer, and has not.
    pub asks: Vec<Ask>,
    /// JavaScript has been told of it.
    pub told: bool,
    /// JavaScript wants to know of it.
    pub heard: bool,
    /// Who it is, by the application's word; never by the client's.
    pub user: Option<Arc<str>>,
    /// When it came.
    pub since: Millis,
    /// CONNECT's auth, until JavaScript is told, or cannot ask any more.
    pub auth: Option<Box<str>>,
    /// What it wants to take up again.
    pub returning: Option<Box<Returning>>,
    /// Rooms that it was in before it was cut off, and may not be in any more.
    pub refused: Vec<Arc<str>>,
    /// What is known of it in case that it is cut off.
    pub track: Option<Box<Track>>,
    /// It goes at the end of the step.
    pub ending: Option<Ending>,
}

impl Socket {
    /// Whether it is in.
    pub fn is_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    /// Whether it is in a room, or the room is its own.
    pub fn is_in(&self, room: &str) -> bool {
        *room == *self.id.as_str() || self.rooms.contains_key(room)
    }
}
