//! Who is behind a connection, which all of its sockets share; when that ends; and what ends it before: a logout reaches
//! every connection of a user or a session at once, those whom JavaScript has yet to let in included.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::connection::Connection;
use super::server::Server;
use super::shard::{Key, Shard};
use crate::error::Reason;
use crate::guard::ticket::{self, Ticket};
use crate::session::Millis;

/// What a client gets whose session ended while JavaScript decided on it.
pub(super) const ENDED: &str = "{\"message\":\"the session has ended\",\"data\":{\"code\":\"ERR_SESSION_ENDED\"}}";
/// What a client gets that comes as somebody else over a connection which is somebody's already.
pub(super) const ANOTHER: &str =
    "{\"message\":\"this connection belongs to another user\",\"data\":{\"code\":\"ERR_ANOTHER_USER\"}}";

/// Who somebody is, by the application's word or a ticket's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: Option<Arc<str>>,
    /// Names what a logout ends.
    pub session: Option<Arc<str>>,
    /// When it ends, in milliseconds since 1970.
    pub until: Option<i64>,
    /// The rooms of a ticket that names some.
    pub rooms: Option<Arc<[String]>>,
}

impl Identity {
    fn is_nobody(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a ticket says that a room may be joined; None if no ticket speaks of rooms.
    pub(super) fn may_join(&self, room: &str) -> Option<bool> {
        self.rooms.as_deref().map(|rooms| ticket::allows(rooms, room))
    }
}

impl From<Ticket> for Identity {
    fn from(Ticket { user, rooms, until }: Ticket) -> Self {
        Self { user: Some(user.into()), session: None, until: Some(until), rooms: rooms.map(Arc::from) }
    }
}

/// What has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ended {
    /// Everything of a user.
    User(Arc<str>),
    /// One session.
    Session(Arc<str>),
}

impl Ended {
    fn is_of(&self, identity: &Identity) -> bool {
        match self {
            Self::User(user) => identity.user.as_ref() == Some(user),
            Self::Session(session) => identity.session.as_ref() == Some(session),
        }
    }
}

/// What ended while sockets waited for JavaScript's decision, which may rest on what it saw before.
#[derive(Debug, Default)]
pub struct Endings {
    /// Sockets that wait.
    waiting: usize,
    /// Grows with each ending.
    count: u64,
    /// Which were the last, by their servers.
    last: FxHashMap<(u32, Ended), u64>,
}

impl Endings {
    /// The moment at which a socket begins to wait.
    pub(super) fn now(&self) -> u64 {
        self.count
    }

    pub(super) fn wait(&mut self) {
        self.waiting += 1;
    }

    pub(super) fn answered(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.last.clear();
        }
    }

    fn note(&mut self, server: u32, ended: &Ended) {
        self.count += 1;
        if self.waiting > 0 {
            self.last.insert((server, ended.clone()), self.count);
        }
    }

    /// Whether what somebody is has ended since a moment.
    fn has_ended(&self, server: u32, identity: &Identity, since: u64) -> bool {
        let ended = |ended| self.last.get(&(server, ended)).is_some_and(|at| *at > since);
        identity.user.clone().is_some_and(|user| ended(Ended::User(user)))
            || identity.session.clone().is_some_and(|session| ended(Ended::Session(session)))
    }
}

impl Connection {
    /// The user behind it.
    pub(super) fn user(&self) -> Option<Arc<str>> {
        self.identity.as_ref().and_then(|identity| identity.user.clone())
    }

    /// No socket is left: whoever comes over it next says anew who it is.
    pub(super) fn forget_identity(&mut self) {
        self.identity = None;
        self.expires = None;
        self.allowance.user = None;
    }
}

impl Shard {
    /// Makes a connection somebody's. The error is what the client is told.
    pub(super) fn identify(&mut self, key: Key, identity: Identity) -> Result<(), &'static str> {
        let (now, wall) = (self.now, jiff::Timestamp::now().as_millisecond());
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return Ok(()) };
        if self.endings.has_ended(connection.server.id, &identity, connection.asked_at) {
            return Err(ENDED);
        }
        match &connection.identity {
            Some(known) if known.user != identity.user => return Err(ANOTHER),
            Some(_) => return Ok(()),
            None if identity.is_nobody() => return Ok(()),
            None if identity.until.is_some_and(|until| until <= wall) => return Err(ENDED),
            None => {}
        }
        connection.expires =
            identity.until.map(|until| now.saturating_add(until.saturating_sub(wall).max(0) as Millis));
        connection.identity = Some(Arc::new(identity));
        connection.share_allowance(now * 1000);
        self.rearm(key);
        Ok(())
    }

    /// Ends the connections of a user or a session. Returns how many sockets that were.
    fn end(&mut self, server: u32, ended: &Ended) -> usize {
        self.endings.note(server, ended);
        let is_theirs = |connection: &Connection| {
            connection.server.id == server && connection.identity.as_ref().is_some_and(|identity| ended.is_of(identity))
        };
        let theirs = self.connections.iter().filter(|(_, connection)| is_theirs(connection));
        let keys: Vec<Key> =
            theirs.map(|(index, connection)| Key { index: index as u32, serial: connection.serial }).collect();
        keys.into_iter().map(|key| self.expel(key)).sum()
    }

    /// Tells a connection's sockets that they are disconnected, and closes it behind that. Returns how many they were.
    pub(super) fn expel(&mut self, key: Key) -> usize {
        let sockets: Vec<u32> = self.connection(key).into_iter().flat_map(|one| one.members.iter()).collect();
        let count = sockets.len();
        sockets.into_iter().for_each(|socket| self.dismiss(socket));
        self.close_connection(key, Reason::ForcedClose);
        count
    }
}

impl Server {
    /// Ends the connections of a user or a session, on every shard, before it returns. Returns how many sockets that were.
    pub fn end(&self, ended: &Ended) -> usize {
        let (id, ended) = (self.id, ended.clone());
        self.ask_all(move |shard| vec![shard.end(id, &ended)]).into_iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_while_somebody_waited_is_known_until_nobody_does() {
        let mut endings = Endings::default();
        let ann = Identity { user: Some("ann".into()), session: Some("s".into()), ..Identity::default() };
        let before = endings.now();
        endings.note(1, &Ended::User("ann".into()));
        assert!(!endings.has_ended(1, &ann, before), "nobody waited");
        endings.wait();
        let before = endings.now();
        endings.note(1, &Ended::Session("s".into()));
        assert!(endings.has_ended(1, &ann, before));
        assert!(!endings.has_ended(2, &ann, before), "on another server");
        assert!(!endings.has_ended(1, &ann, endings.now()), "who came afterwards");
        assert!(!endings.has_ended(1, &Identity { session: None, ..ann.clone() }, before));
        endings.answered();
        assert_eq!(endings.last.len(), 0);
    }
}
