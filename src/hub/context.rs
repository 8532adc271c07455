//! One server as its shards see it: its options, its namespaces, its numbers, who may come, and the way to JavaScript.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::account::Ledger;
use super::acks::Acks;
use super::attendance::Attendance;
use super::counters::{Counter, Counters, Refusals};
use super::event::{Event, Sink, watch};
use super::registry::Registry;
use crate::config::Config;
use crate::guard::gate::Gate;
use crate::protocol::json;
use crate::session::handshake::{Refusal, Request};

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It serves.
    Open,
    /// It drains; new clients are refused.
    Closing,
    /// It is over.
    Closed,
}

/// One server.
pub struct Context {
    /// Unique in the process.
    pub id: u32,
    /// Its options.
    pub config: Config,
    /// The way to JavaScript.
    pub sink: Arc<dyn Sink>,
    /// Its namespaces.
    pub registry: Registry,
    /// How many may come.
    pub gate: Arc<Gate>,
    /// Who was refused by a limit.
    pub refusals: Refusals,
    /// What waits for JavaScript.
    pub ledger: Arc<Ledger>,
    /// Answers to events that asked many.
    pub acks: Acks,
    /// Which rooms there are, and who is away for a moment.
    pub attendance: Attendance,
    /// Events that were emitted here.
    pub emitted: Counter,
    /// Milliseconds in which a client that comes now must join a namespace.
    pub connect_timeout: AtomicU64,
    /// What it is doing. Held while something is published: what was accepted comes before the close.
    pub state: Mutex<State>,
    /// Questions to JavaScript about sockets that it has not answered, whether the sockets are still there or not.
    deciding: AtomicUsize,
    /// What JavaScript wants to know: bits of [`watch`].
    pub watched: AtomicU32,
    /// Its numbers, for each shard.
    counters: Box<[Counters]>,
}

impl Context {
    /// Of a server that opens, on so many shards.
    pub fn new(id: u32, config: Config, sink: Arc<dyn Sink>, shards: usize) -> Self {
        let context = Self {
            id,
            gate: Gate::new(config.limits),
            refusals: Refusals::default(),
            ledger: Ledger::new(config.max_inbox_total),
            acks: Acks::new(config.max_inbox_total),
            attendance: Attendance::new(config.access.max_rooms),
            emitted: Counter::default(),
            state: Mutex::new(State::Open),
            deciding: AtomicUsize::new(0),
            watched: AtomicU32::new(0),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            registry: Registry::default(),
            connect_timeout: AtomicU64::new(config.connect_timeout),
            config,
            sink,
        };
        context.declare("/", false, false);
        context
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        *self.state.lock()
    }

    /// Creates a namespace, or changes what JavaScript wants of it.
    pub fn declare(&self, name: &str, listen: bool, ask: bool) {
        self.registry.declare(name, listen, ask, self.config.recovery);
    }

    /// Whether JavaScript may want to know a client's handshake: with the nself layer only if it has said so, elsewhere it may
    /// ask later, too.
    pub fn wants_handshakes(&self) -> bool {
        !self.config.nself
            || self.config.access.authenticate
            || self.registry.is_any_heard()
            || self.watches(watch::CONNECTIONS)
    }

    /// Whether JavaScript wants to know this.
    pub fn watches(&self, what: u32) -> bool {
        self.watched.load(Relaxed) & what != 0
    }

    /// Tells JavaScript of a request that is refused, if it wants to know. While too much waits for it, it is not told.
    pub fn tell_refusal(&self, refusal: &Refusal, request: &Request) {
        if !self.watches(watch::REFUSALS) || self.ledger.is_full() {
            return;
        }
        let Refusal { code, message } = refusal;
        let (message, method) = (json::quoted(message), json::quoted(&request.method));
        let token = request.token.as_ref().map_or("null".into(), |token| token.id().to_string());
        let request = request.handshake_json(0, "", true);
        let text = format!(
            "{{\"code\":{code},\"message\":{message},\"method\":{method},\"token\":{token},\"request\":{request}}}"
        );
        let credit = self.ledger.charge(text.len());
        self.sink.push(Event::Refused(text, credit));
    }

    /// The numbers of one shard.
    pub fn counters(&self, shard: usize) -> &Counters {
        &self.counters[shard]
    }

    /// The numbers of all shards.
    pub fn all_counters(&self) -> &[Counters] {
        &self.counters
    }

    /// Takes one of the places for questions about sockets, if there is one.
    pub fn reserve_decision(&self) -> bool {
        let has_room = self.deciding.fetch_add(1, Relaxed) < self.config.access.max_pending_authentications;
        if !has_room {
            self.release_decision();
        }
        has_room
    }

    /// JavaScript has answered a question about a socket, or has no work with it any more.
    pub fn release_decision(&self) {
        let _ = self.deciding.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1));
    }
}
