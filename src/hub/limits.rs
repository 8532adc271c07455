//! How much a client may say: events out of token buckets, and what happens to those beyond. A client is told at most
//! once a second, and disconnected when it goes on.

use std::net::IpAddr;
use std::sync::Arc;

use super::admission::refusal;
use super::connection::Connection;
use super::counters::Counter;
use super::server::Server;
use super::shard::{Key, Shard};
use crate::config::Limits;
use crate::error::Reason;
use crate::events;
use crate::guard::gate::{Limit, Seat, Visit};
use crate::guard::rate::{Bucket, Micros, Rate, SharedBucket};
use crate::protocol::json;
use crate::protocol::socket::{self, Kind};
use crate::session::Millis;
use crate::session::handshake::{Refusal, Request};

/// The code of what is refused.
const CODE: &str = "ERR_RATE_LIMITED";
const TEXT: &str = "too many events; slow down";
/// Packets that are no events, such as pongs and attachments, for each event that a client may send.
const CHATTER: u64 = 10;
/// Input of this many bytes counts as such a packet,
const CHATTER_BYTES: u64 = 16 * 1024;
/// and so do this many fragments that do not end their message.
const CHATTER_PIECES: u64 = 10;
/// How often a client is told, in milliseconds.
const TELL_EVERY: Millis = 1000;
/// For how long refusals are counted, in milliseconds.
const WINDOW: Millis = 10_000;
/// Whoever has this many bursts refused within the window is disconnected.
const BURSTS: u64 = 10;

/// Requests and messages of a server that were refused by a limit.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Handshakes: too many a second from an address.
    pub handshakes: Counter,
    /// Connections: too many from an address.
    pub address: Counter,
    /// Connections: too many in all.
    pub full: Counter,
    /// Requests with a head that is too large.
    pub headers: Counter,
    /// Requests whose head or body, and sessions whose first CONNECT, did not come in time.
    pub timeout: Counter,
    /// Messages and bodies that are too large.
    pub size: Counter,
    /// Messages in too many pieces.
    pub fragments: Counter,
    /// Packets with too many attachments, or too large ones.
    pub attachments: Counter,
    /// Connections for which the system had no descriptor.
    pub descriptors: Counter,
}

/// Which bucket was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Connection,
    User,
    Address,
}

/// A client that sends too much.
#[derive(Debug)]
struct Flood {
    told: Option<Millis>,
    since: Millis,
    refused: u64,
}

/// What one connection may still say.
#[derive(Debug)]
pub struct Allowance {
    seat: Seat,
    events: Bucket,
    chatter: Bucket,
    /// What all connections of its user share.
    pub(super) user: Option<Arc<SharedBucket>>,
    /// Acks that it was asked for.
    owed: u32,
    flood: Option<Box<Flood>>,
}

impl Allowance {
    /// Of a new connection.
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat, events: Bucket::default(), chatter: Bucket::default(), user: None, owed: 0, flood: None }
    }

    /// It was sent an event that it has to acknowledge.
    pub(super) fn owes_ack(&mut self) {
        self.owed = self.owed.saturating_add(1);
    }

    /// It acknowledges. False: nobody asked.
    pub(super) fn pays_ack(&mut self) -> bool {
        let owed = self.owed > 0;
        self.owed = self.owed.saturating_sub(1);
        owed
    }

    fn take_event(&mut self, limits: &Limits, now: Micros) -> Result<(), Scope> {
        if limits.events.is_some_and(|rate| !self.events.take(rate, now)) {
            return Err(Scope::Connection);
        }
        if let (Some(rate), Some(user)) = (limits.user_events, &self.user)
            && !user.take(rate, now)
        {
            return Err(Scope::User);
        }
        match (limits.address_events, self.seat.address()) {
            (Some(rate), Some(address)) if !address.events.take(rate, now) => Err(Scope::Address),
            _ => Ok(()),
        }
    }
}

impl Server {
    /// Lets a handshake in, or says why not.
    pub fn admit(&self, request: &Request) -> Result<Seat, Refusal> {
        self.gate.admit(&request.remote, super::clock::micros()).map_err(|limit| self.turn_away(limit))
    }

    /// Lets a TCP connection in, or says why not.
    pub fn visit(&self, remote: IpAddr) -> Result<Visit, Refusal> {
        // With a proxy in front all of them come from there.
        let remote = self.config.access.proxies.is_none().then_some(remote);
        self.gate.visit(remote, super::clock::micros()).map_err(|limit| self.turn_away(limit))
    }

    /// The answer to a client for whom a limit leaves no place.
    fn turn_away(&self, limit: Limit) -> Refusal {
        let (counter, refusal) = match limit {
            Limit::Handshakes => (&self.refusals.handshakes, Refusal::TOO_MANY),
            Limit::Address => (&self.refusals.address, Refusal::TOO_MANY),
            Limit::Full => (&self.refusals.full, Refusal::FULL),
        };
        counter.add(1);
        refusal
    }

    /// Refuses a request whose head is too large.
    pub fn check_size(&self, request: &Request) -> Result<(), Refusal> {
        if request.size() <= self.config.limits.max_header_size {
            return Ok(());
        }
        self.refusals.headers.add(1);
        Err(Refusal::HEAD_TOO_LARGE)
    }
}

impl Connection {
    /// It is a user's from now on.
    pub(super) fn share_allowance(&mut self, now: Micros) {
        self.allowance.user = self.user().and_then(|user| self.server.gate.user(&user, now));
    }
}

impl Shard {
    /// Whether a client's event may pass. If not, it has been told.
    pub(super) fn may_say(&mut self, key: Key, socket: u32, name: Option<&str>, ack: Option<f64>) -> bool {
        if name == Some(events::HEARTBEAT) && self.server_of(socket).config.nself {
            return self.may_chatter(key);
        }
        let Err(scope) = self.take_event(key) else { return true };
        let is_layer = self.is_layer(socket);
        if let Some(id) = ack.filter(|_| is_layer && matches!(name, Some(events::JOIN | events::LEAVE))) {
            self.push_ack(socket, id, &format!("{{\"ok\":false,{}", error()));
        }
        self.exceeded(key, Some(socket), scope, 1);
        false
    }

    /// Whether a client may ask for a namespace.
    pub(super) fn may_connect(&mut self, key: Key, nsp: &str) -> bool {
        let Err(scope) = self.take_event(key) else { return true };
        self.refuse_connect(key, nsp, &refusal(CODE, TEXT));
        self.exceeded(key, None, scope, 1);
        false
    }

    /// Whether a packet that is no event may have an effect.
    pub(super) fn may_chatter(&mut self, key: Key) -> bool {
        let now = self.now * 1000;
        let Some(connection) = self.connection(key) else { return false };
        let Some(rate) = connection.server.config.limits.events else { return true };
        let may = connection.allowance.chatter.take(rate.times(CHATTER), now);
        if !may {
            self.exceeded(key, None, Scope::Connection, 1);
        }
        may
    }

    /// Charges a client for what it sends, whatever that means: large messages cost work, and so do small pieces.
    pub(super) fn charge_input(&mut self, key: Key, bytes: usize, pieces: u32) {
        let count = bytes as u64 / CHATTER_BYTES + u64::from(pieces) / CHATTER_PIECES;
        let now = self.now * 1000;
        let Some(connection) = self.connection(key).filter(|_| count > 0) else { return };
        let Some(rate) = connection.server.config.limits.events else { return };
        let missing = connection.allowance.chatter.take_many(rate.times(CHATTER), now, count);
        if missing > 0 {
            self.exceeded(key, None, Scope::Connection, missing);
        }
    }

    /// The same for an ack: those that were asked for are free.
    pub(super) fn may_acknowledge(&mut self, key: Key) -> bool {
        let was_asked = self.connection(key).is_some_and(|connection| connection.allowance.pays_ack());
        was_asked || self.may_chatter(key)
    }

    fn take_event(&mut self, key: Key) -> Result<(), Scope> {
        let now = self.now * 1000;
        match self.connection(key) {
            Some(connection) => connection.allowance.take_event(&connection.server.config.limits, now),
            None => Ok(()),
        }
    }

    /// Something was refused.
    fn exceeded(&mut self, key: Key, socket: Option<u32>, scope: Scope, count: u64) {
        let (now, shard) = (self.now, self.index);
        let Some(connection) = self.connection(key) else { return };
        let counters = connection.server.counters(shard);
        match scope {
            Scope::Connection => counters.limited_connection.add(count),
            Scope::User => counters.limited_user.add(count),
            Scope::Address => counters.limited_address.add(count),
        }
        let Limits { events, user_events, address_events, .. } = connection.server.config.limits;
        let burst = events.or(user_events).or(address_events).map_or(0, Rate::burst);
        let flood = connection.allowance.flood.get_or_insert_with(|| {
            tracing::info!("a client exceeds its rate limit");
            Box::new(Flood { told: None, since: now, refused: 0 })
        });
        if now >= flood.since + WINDOW {
            (flood.since, flood.refused) = (now, 0);
        }
        flood.refused += count;
        if flood.refused > burst * BURSTS {
            return self.end_flood(key);
        }
        if let Some(socket) = socket.filter(|_| flood.told.is_none_or(|told| now >= told + TELL_EVERY)) {
            flood.told = Some(now);
            self.tell_of_limit(socket);
        }
    }

    fn tell_of_limit(&mut self, socket: u32) {
        let data = format!("{{{}", error());
        if self.is_layer(socket) {
            return self.tell(socket, "error", &data);
        }
        let nsp = self.sockets[socket as usize].nsp.clone();
        let text = format!("[\"error\",{data}]");
        self.push(self.connection_of(socket), &[socket::encode_text(Kind::Event, &nsp.name, None, &text)]);
    }

    /// It goes on: it is disconnected, in a way in which clients do not come back by themselves.
    fn end_flood(&mut self, key: Key) {
        let shard = self.index;
        let Some(connection) = self.connection(key) else { return };
        connection.server.counters(shard).floods.add(1);
        tracing::warn!("disconnecting a client that exceeds its rate limit");
        let sockets: Vec<u32> = connection.members.iter().collect();
        for socket in sockets {
            let nsp = self.sockets[socket as usize].nsp.clone();
            self.push(key, &[socket::encode_text(Kind::Disconnect, &nsp.name, None, "")]);
        }
        self.sockets_over(key, Reason::RateLimit);
        let Some(connection) = self.connection(key) else { return };
        let Some(link) = connection.link.take() else {
            return self.close_connection(key, Reason::RateLimit);
        };
        // What it still sends is not looked at.
        let rest = std::mem::take(&mut connection.outbox);
        self.close_link(link, rest, Some(1008), true);
        self.with_engine(key, |engine, effects| engine.end(Reason::RateLimit, effects));
    }
}

/// The rest of a JSON object.
fn error() -> String {
    format!("\"code\":\"{CODE}\",\"error\":{}}}", json::quoted(TEXT))
}
