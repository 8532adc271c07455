//! Connection state recovery (socketio/socket.io-protocol, "connection state recovery"): what a namespace remembers so
//! that a client which lost its connection gets what it missed. Shared by the shards, for it may come back on another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::ids::Id;
use super::rooms::Selection;
use super::run::Run;
use crate::protocol::json;

/// Most bytes of events that a namespace remembers; the oldest go first, and who needs them starts anew.
const MAX_BYTES: usize = 16 << 20;

/// A client that may come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its socket id, which it keeps.
    pub id: Id,
    /// The secret by which it is known.
    pub pid: Id,
    /// Its rooms.
    pub rooms: Vec<Arc<str>>,
    /// Who it was.
    pub user: Option<Arc<str>>,
}

/// A session that is taken up again.
#[derive(Debug)]
pub struct Restored {
    /// As it was left.
    pub session: Session,
    /// What it missed, in order.
    pub missed: Vec<Arc<Run>>,
}

struct Event {
    offset: String,
    at: Instant,
    to: Selection,
    run: Arc<Run>,
}

/// The memory of one namespace.
pub struct Recovery {
    duration: Duration,
    next: u64,
    bytes: usize,
    events: VecDeque<Event>,
    sessions: FxHashMap<Id, (Session, Instant)>,
}

impl Recovery {
    /// Remembers for this long.
    pub fn new(duration: Duration) -> Self {
        Self { duration, next: 0, bytes: 0, events: VecDeque::new(), sessions: FxHashMap::default() }
    }

    /// An event's text with a new offset behind its arguments.
    pub fn mark(&mut self, text: &str) -> (String, String) {
        self.next += 1;
        let offset = format!("{:x}", self.next);
        let open = text.trim_end().strip_suffix(']').unwrap_or(text);
        (format!("{open},{}]", json::quoted(&offset)), offset)
    }

    /// Remembers an event that was marked.
    pub fn remember(&mut self, offset: String, to: Selection, run: Arc<Run>, now: Instant) {
        self.bytes += run.cost();
        self.events.push_back(Event { offset, at: now, to, run });
        let oldest = now.checked_sub(self.duration);
        while let Some(first) = self.events.front() {
            if self.bytes <= MAX_BYTES && oldest.is_none_or(|oldest| first.at >= oldest) {
                break;
            }
            self.bytes -= first.run.cost();
            self.events.pop_front();
        }
    }

    /// Remembers a client that was cut off.
    pub fn persist(&mut self, session: Session, now: Instant) {
        let duration = self.duration;
        self.sessions.retain(|_, (_, since)| now.duration_since(*since) <= duration);
        self.sessions.insert(session.pid, (session, now));
    }

    /// Takes a session up again, if it is still known and everything that it missed is.
    pub fn restore(&mut self, auth: &str, now: Instant) -> Option<Restored> {
        #[derive(Deserialize)]
        struct Auth {
            pid: String,
            offset: String,
        }
        let Auth { pid, offset } = serde_json::from_str(auth).ok()?;
        let pid = Id::parse(&pid)?;
        let (session, since) = self.sessions.remove(&pid)?;
        if now.duration_since(since) > self.duration {
            return None;
        }
        let last = self.events.iter().rposition(|event| event.offset == offset)?;
        let in_room = |room: &Arc<str>| **room == *session.id.as_str() || session.rooms.contains(room);
        let missed = self.events.iter().skip(last + 1).filter(|event| {
            let to = &event.to;
            (to.rooms.is_empty() || to.rooms.iter().any(in_room)) && !to.except.iter().any(in_room)
        });
        let missed = missed.map(|event| event.run.clone()).collect();
        Some(Restored { session, missed })
    }
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recovery({} events, {} sessions)", self.events.len(), self.sessions.len())
    }
}
