//! How much a client may say: events out of token buckets, and what happens to those beyond. A client is told at most
//! once a second, and disconnected when it goes on. Nothing here sends anything.

use std::sync::Arc;

use crate::config::Limits;
use crate::guard::gate::Seat;
use crate::guard::rate::{Bucket, Micros, Rate, SharedBucket};
use crate::hub::attendance::Made;
use crate::hub::counters::Counters;
use crate::protocol::json;
use crate::session::Millis;

/// The code of what is refused.
pub const CODE: &str = "ERR_RATE_LIMITED";
/// Its text.
pub const TEXT: &str = "too many events; slow down";
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

/// Which bucket was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Connection,
    User,
    Address,
}

/// What becomes of something that a client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may have its effect.
    Pass,
    /// It has none. The client was told not long ago.
    Drop,
    /// It has none, and the client is to be told.
    Tell,
    /// It has none, and the client goes on and on: it is to be disconnected.
    End,
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
    pub user: Option<Arc<SharedBucket>>,
    /// Acks that it was asked for.
    owed: u32,
    flood: Option<Box<Flood>>,
}

impl Allowance {
    /// Of a new connection.
    pub fn new(seat: Seat) -> Self {
        Self { seat, events: Bucket::default(), chatter: Bucket::default(), user: None, owed: 0, flood: None }
    }

    /// How many rooms the clients of its address made.
    pub fn made(&self) -> Option<&Made> {
        self.seat.address().map(|address| &address.rooms)
    }

    /// It was sent an event that it has to acknowledge.
    pub fn owes_ack(&mut self) {
        self.owed = self.owed.saturating_add(1);
    }

    /// An event, or the request for a namespace.
    pub fn event(&mut self, limits: &Limits, now: Micros, counters: &Counters) -> Verdict {
        match self.take_event(limits, now) {
            Ok(()) => Verdict::Pass,
            Err(scope) => self.exceeded(limits, now / 1000, scope, 1, counters),
        }
    }

    /// A packet that is no event.
    pub fn chatter(&mut self, limits: &Limits, now: Micros, counters: &Counters) -> Verdict {
        let Some(rate) = limits.events else { return Verdict::Pass };
        if self.chatter.take(rate.times(CHATTER), now) {
            return Verdict::Pass;
        }
        self.exceeded(limits, now / 1000, Scope::Connection, 1, counters)
    }

    /// An ack: those that were asked for are free.
    pub fn ack(&mut self, limits: &Limits, now: Micros, counters: &Counters) -> Verdict {
        if self.owed > 0 {
            self.owed -= 1;
            return Verdict::Pass;
        }
        self.chatter(limits, now, counters)
    }

    /// What it sends, whatever that means: large messages cost work, and so do small pieces.
    pub fn input(&mut self, limits: &Limits, now: Micros, bytes: usize, pieces: u32, counters: &Counters) -> Verdict {
        let count = bytes as u64 / CHATTER_BYTES + u64::from(pieces) / CHATTER_PIECES;
        let Some(rate) = limits.events.filter(|_| count > 0) else { return Verdict::Pass };
        match self.chatter.take_many(rate.times(CHATTER), now, count) {
            0 => Verdict::Pass,
            missing => self.exceeded(limits, now / 1000, Scope::Connection, missing, counters),
        }
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

    /// Something was refused.
    fn exceeded(&mut self, limits: &Limits, now: Millis, scope: Scope, count: u64, counters: &Counters) -> Verdict {
        match scope {
            Scope::Connection => counters.limited_connection.add(count),
            Scope::User => counters.limited_user.add(count),
            Scope::Address => counters.limited_address.add(count),
        }
        let Limits { events, user_events, address_events, .. } = limits;
        let burst = events.or(*user_events).or(*address_events).map_or(0, Rate::burst);
        let flood = self.flood.get_or_insert_with(|| {
            tracing::info!("a client exceeds its rate limit");
            Box::new(Flood { told: None, since: now, refused: 0 })
        });
        if now >= flood.since + WINDOW {
            (flood.since, flood.refused) = (now, 0);
        }
        flood.refused += count;
        if flood.refused > burst * BURSTS {
            return Verdict::End;
        }
        if flood.told.is_some_and(|told| now < told + TELL_EVERY) {
            return Verdict::Drop;
        }
        Verdict::Tell
    }

    /// The client was told.
    pub fn told(&mut self, now: Millis) {
        if let Some(flood) = &mut self.flood {
            flood.told = Some(now);
        }
    }
}

/// What a client is told: the rest of a JSON object.
pub fn error() -> String {
    format!("\"code\":\"{CODE}\",\"error\":{}}}", json::quoted(TEXT))
}
