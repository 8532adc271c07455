//! What goes over the bus, as data: who gets it, and what it is.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::journal::Position;
use super::run::Run;
use crate::config::Batch;

/// Names of rooms.
pub type Names = SmallVec<[Arc<str>; 1]>;

/// Who gets a message: the sockets in any of `rooms` (all, if there are none), without those in any of `except`; of one
/// `user` alone, if there is one. A socket's id counts as a room that only it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selection {
    /// Room names; one, as a rule.
    pub rooms: Names,
    /// Room names.
    pub except: Names,
    /// By the application's word.
    pub user: Option<Arc<str>>,
}

impl Selection {
    /// The members of one room.
    pub fn room(name: Arc<str>) -> Self {
        Self { rooms: smallvec![name], ..Self::default() }
    }

    /// The sockets of a user.
    pub fn user(name: Arc<str>) -> Self {
        Self { user: Some(name), ..Self::default() }
    }

    /// Whether it selects a socket of this user, in those rooms that `is_in` says.
    pub fn selects(&self, user: Option<&str>, mut is_in: impl FnMut(&str) -> bool) -> bool {
        (self.user.is_none() || self.user.as_deref() == user)
            && (self.rooms.is_empty() || self.rooms.iter().any(|room| is_in(room)))
            && !self.except.iter().any(|room| is_in(room))
    }
}

/// A change for many sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Into these rooms.
    Join(Vec<Arc<str>>),
    /// Out of these rooms.
    Leave(Vec<Arc<str>>),
    /// Out of every room, the own one too.
    LeaveAll,
    /// Disconnected; with `true` the whole connection.
    Disconnect(bool),
}

/// An event, encoded once.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its frames, and what may happen to it in a full outbox.
    pub run: Arc<Run>,
    /// Dropped for those who cannot be written to now.
    pub volatile: bool,
    /// May wait for others of its room, within these limits.
    pub batch: Option<Batch>,
}

/// What a message is.
#[derive(Debug, Clone)]
pub enum Body {
    /// An event for each of them.
    Event(Event),
    /// A change of each of them.
    Change(Change),
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The namespace's number.
    pub nsp: u32,
    /// Who gets it.
    pub to: Selection,
    /// What it is.
    pub body: Body,
    /// Its place in the namespace's journal, if it is kept there.
    pub position: Option<Position>,
}

impl Message {
    /// The event in it, if it is one.
    pub fn event(&self) -> Option<&Event> {
        match &self.body {
            Body::Event(event) => Some(event),
            Body::Change(_) => None,
        }
    }
}
