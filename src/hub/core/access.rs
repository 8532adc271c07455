//! Who is behind a connection, which all of its sockets share; when that ends; and what ends it before. Nothing here sends
//! anything.

use std::collections::HashMap;
use std::sync::Arc;

use super::connection::Connection;
use crate::config::Access;
use crate::guard::ticket::{self, Bad, Ticket};
use crate::hub::counters::Denial;
use crate::hub::seeded::Seeded;
use crate::protocol::json;

/// What a client gets whose session ended while JavaScript decided on it.
pub const ENDED: &str = "{\"message\":\"the session has ended\",\"data\":{\"code\":\"ERR_SESSION_ENDED\"}}";
/// What a client gets that comes as somebody else over a connection which is somebody's already.
pub const ANOTHER: &str =
    "{\"message\":\"this connection belongs to another user\",\"data\":{\"code\":\"ERR_ANOTHER_USER\"}}";

/// CONNECT_ERROR's object.
pub fn refusal(code: &str, message: &str) -> String {
    format!("{{\"message\":\"{message}\",\"data\":{{\"code\":\"{code}\"}}}}")
}

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
    pub fn may_join(&self, room: &str) -> Option<bool> {
        self.rooms.as_deref().map(|rooms| ticket::allows(rooms, room))
    }

    /// Whether it is over.
    pub fn is_over(&self, wall: i64) -> bool {
        self.until.is_some_and(|until| until <= wall)
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
    /// Whether it is somebody's.
    pub fn is_of(&self, identity: &Identity) -> bool {
        match self {
            Self::User(user) => identity.user.as_ref() == Some(user),
            Self::Session(session) => identity.session.as_ref() == Some(session),
        }
    }
}

/// Logouts that are remembered while somebody waits. Beyond, whoever waits longest is refused, and asks again.
const MAX_ENDINGS: usize = 10_000;

/// What ended while sockets waited for a decision, which may rest on what was seen before.
#[derive(Debug, Default)]
pub struct Endings {
    /// Sockets that wait.
    waiting: usize,
    /// Grows with each ending.
    count: u64,
    /// What ended before this is not remembered.
    floor: u64,
    /// Which were the last, by their servers.
    last: HashMap<(u32, Ended), u64, Seeded>,
}

impl Endings {
    /// The moment at which a socket begins to wait.
    pub fn now(&self) -> u64 {
        self.count
    }

    /// How many wait.
    #[cfg(any(test, fuzzing))]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// A socket begins to wait.
    pub fn wait(&mut self) {
        self.waiting += 1;
    }

    /// It waits no more.
    pub fn answered(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.last = HashMap::default();
        }
    }

    /// Something has ended.
    pub fn note(&mut self, server: u32, ended: &Ended) {
        self.count += 1;
        if self.waiting == 0 {
            return;
        }
        self.last.insert((server, ended.clone()), self.count);
        if self.last.len() > MAX_ENDINGS {
            self.floor = self.count - MAX_ENDINGS as u64 / 2;
            self.last.retain(|_, at| *at > self.floor);
        }
    }

    /// Whether what somebody is has ended since a moment, or may have.
    pub fn has_ended(&self, server: u32, identity: &Identity, since: u64) -> bool {
        let ended = |ended| self.last.get(&(server, ended)).is_some_and(|at| *at > since);
        since < self.floor && !identity.is_nobody()
            || identity.user.clone().is_some_and(|user| ended(Ended::User(user)))
            || identity.session.clone().is_some_and(|session| ended(Ended::Session(session)))
    }
}

/// What a client's ticket says of it. None: no ticket is asked for, or it is known who is behind the connection. The error
/// is what the client is told.
pub fn show_ticket(
    access: &Access,
    connection: &Connection,
    auth: Option<&str>,
    wall: i64,
) -> Result<Option<Identity>, (Denial, String)> {
    let Some(keys) = access.tickets.as_ref().filter(|_| connection.identity.is_none()) else { return Ok(None) };
    let Some(text) = auth.and_then(|auth| json::field(auth, "ticket")) else {
        // Without one JavaScript knows whose client it is, or nobody does.
        let error = || (Denial::Ticket, refusal("ERR_UNAUTHORIZED", "unauthorized: a ticket is needed"));
        return access.authenticate.then_some(None).ok_or_else(error);
    };
    keys.verify(&text, wall).map(|ticket| Some(ticket.into())).map_err(|bad| {
        let error = match bad {
            Bad::Invalid => refusal("ERR_INVALID_TICKET", "the ticket is not valid"),
            Bad::Expired => refusal("ERR_TICKET_EXPIRED", "the ticket has expired"),
        };
        (Denial::Ticket, error)
    })
}

/// Makes a connection somebody's. True: it is somebody's now who was not known before. The error is what the client is told.
pub fn identify(
    connection: &mut Connection,
    endings: &Endings,
    identity: Identity,
    now: u64,
    wall: i64,
) -> Result<bool, &'static str> {
    if endings.has_ended(connection.server.id, &identity, connection.asked_at) {
        return Err(ENDED);
    }
    match &connection.identity {
        Some(known) if known.user != identity.user => return Err(ANOTHER),
        Some(_) => return Ok(false),
        None if identity.is_nobody() => return Ok(false),
        None if identity.is_over(wall) => return Err(ENDED),
        None => {}
    }
    connection.identity = Some(Arc::new(identity));
    connection.allowance.user = connection.user().and_then(|user| connection.server.gate.user(&user, now));
    Ok(true)
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

    #[test]
    fn many_logouts_while_one_waits_are_bounded_and_never_forgotten_in_silence() {
        let mut endings = Endings::default();
        endings.wait();
        let before = endings.now();
        for number in 0..300_000 {
            endings.note(1, &Ended::User(format!("user {number}").into()));
        }
        assert!(endings.last.len() <= MAX_ENDINGS);
        let who = |user: &str| Identity { user: Some(user.into()), ..Identity::default() };
        assert!(endings.has_ended(1, &who("user 1"), before));
        assert!(!endings.has_ended(1, &Identity::default(), before), "nobody cannot be logged out");
        assert!(!endings.has_ended(1, &who("ann"), endings.now()));
    }
}
