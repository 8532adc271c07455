//! One real-time server of the process: its options, its namespaces, its counters, and the way to its JavaScript.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::account::{Credit, Ledger};
use super::attendance::Attendance;
use super::clock;
use super::command::{Command, Emit, SocketKey};
use super::counters::{Counter, Counters, Gauge};
use super::ids::Id;
use super::limits::Refusals;
use super::mailbox::Mailbox;
use super::recovery::Recovery;
use super::rooms::Selection;
use super::run::{Policy, Run, Stream};
use super::stats::{Dropped, Refused, Stats};
use crate::config::Config;
use crate::events::Keep;
use crate::guard::gate::Gate;
use crate::protocol::json::{self, First};
use crate::protocol::socket::{self, Kind};

/// A namespace of a server.
#[derive(Debug)]
pub struct Namespace {
    /// Unique in the process.
    pub id: u32,
    /// With its leading `/`.
    pub name: Arc<str>,
    /// JavaScript wants to know of its sockets and their events.
    pub listen: AtomicBool,
    /// JavaScript decides who gets in.
    pub ask: AtomicBool,
    /// What it remembers for clients that come back, if that is wanted.
    pub recovery: Option<Mutex<Recovery>>,
}

/// What happened, for JavaScript.
#[derive(Debug)]
pub enum Event {
    /// A client asks for a namespace; answer with accept or deny, then release the decision.
    Connecting(Box<Arrival>),
    /// A client joined.
    Connect(Box<Arrival>),
    /// An event or an ack from a client.
    Packet(Box<Packet>),
    /// A client wants to join a room; answer with the token.
    Join(Box<Join>),
    /// A socket is over: JSON `{reason, rooms}`.
    Disconnect(SocketKey, String, Credit),
    /// A room got its first member, or lost its last: JSON `{nsp, room, active}`.
    Room(String, Credit),
    /// A line for the application's logger: JSON `{level, target, message, fields}`.
    Log(String),
    /// The server is closed: JSON report.
    Closed(String),
}

/// A client that asks for a namespace, or has joined it.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub socket: SocketKey,
    /// The binding's ConnectInfo, JSON.
    pub info: String,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// An event or an ack from a client. Dropping it gives its bytes back to the connection's account.
#[derive(Debug)]
pub struct Packet {
    /// From which socket.
    pub socket: SocketKey,
    /// EVENT or ACK.
    pub kind: Kind,
    /// The ack id.
    pub id: Option<f64>,
    /// JSON array; an event's name first.
    pub data: String,
    /// In the order of their placeholders.
    pub attachments: Vec<Bytes>,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// A client wants to join a room.
#[derive(Debug)]
pub struct Join {
    /// With which socket.
    pub socket: SocketKey,
    /// Names the question among others of the socket.
    pub token: u32,
    /// The room.
    pub room: Arc<str>,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// Where events go. It must not block.
pub trait Sink: Send + Sync {
    /// Takes an event.
    fn push(&self, event: Event);
}

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
pub struct Server {
    /// Unique in the process.
    pub id: u32,
    /// Its options.
    pub config: Config,
    /// The way to JavaScript.
    pub sink: Arc<dyn Sink>,
    pub(super) attendance: Attendance,
    /// How many may come.
    pub gate: Arc<Gate>,
    /// Who was refused by a limit.
    pub refusals: Refusals,
    /// What waits for JavaScript.
    pub ledger: Arc<Ledger>,
    /// Questions to JavaScript about sockets that it has not answered, whether the sockets are still there or not.
    deciding: AtomicUsize,
    /// Rooms with members; one counts for each shard that has some.
    pub(super) rooms: Gauge,
    /// Its numbers, for each shard.
    counters: Box<[Counters]>,
    /// Events that were emitted here.
    emitted: Counter,
    /// How many clients were there when it began to close, and when that was.
    closing: Mutex<(u64, Option<Instant>)>,
    pub(super) mailboxes: Arc<[Arc<Mailbox>]>,
    namespaces: RwLock<FxHashMap<Arc<str>, Arc<Namespace>>>,
    state: Mutex<State>,
    closers: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    shards_draining: AtomicU32,
    shards_open: AtomicU32,
    pub(super) closed: parking_lot::Condvar,
    next: AtomicU32,
}

static NEXT_NAMESPACE: AtomicU32 = AtomicU32::new(1);

impl Server {
    pub(super) fn new(id: u32, config: Config, sink: Arc<dyn Sink>, mailboxes: Arc<[Arc<Mailbox>]>) -> Arc<Self> {
        let server = Arc::new(Self {
            id,
            gate: Gate::new(config.limits),
            refusals: Refusals::default(),
            ledger: Ledger::new(config.max_inbox_total),
            config,
            sink,
            attendance: Attendance::default(),
            deciding: AtomicUsize::new(0),
            rooms: Gauge::default(),
            counters: mailboxes.iter().map(|_| Counters::default()).collect(),
            emitted: Counter::default(),
            closing: Mutex::default(),
            shards_draining: AtomicU32::new(mailboxes.len() as u32),
            shards_open: AtomicU32::new(mailboxes.len() as u32),
            mailboxes,
            namespaces: RwLock::default(),
            state: Mutex::new(State::Open),
            closers: Mutex::default(),
            closed: parking_lot::Condvar::new(),
            next: AtomicU32::new(0),
        });
        server.declare("/", false, false);
        server
    }

    /// Creates a namespace, or changes what JavaScript wants of it.
    pub fn declare(&self, name: &str, listen: bool, ask: bool) {
        let mut namespaces = self.namespaces.write();
        let nsp = namespaces.entry(name.into()).or_insert_with_key(|name| {
            Arc::new(Namespace {
                id: NEXT_NAMESPACE.fetch_add(1, Relaxed),
                name: name.clone(),
                listen: AtomicBool::new(false),
                ask: AtomicBool::new(false),
                recovery: self.config.recovery.map(|options| {
                    Mutex::new(Recovery::new(Duration::from_millis(options.max_disconnection_duration)))
                }),
            })
        });
        nsp.listen.store(listen, Relaxed);
        nsp.ask.store(ask, Relaxed);
    }

    /// A namespace, if it exists.
    pub fn namespace(&self, name: &str) -> Option<Arc<Namespace>> {
        self.namespaces.read().get(name).cloned()
    }

    pub(super) fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.namespaces.read().values().cloned().collect()
    }

    /// Whether JavaScript may want to know a client's handshake.
    pub fn wants_handshakes(&self) -> bool {
        self.config.access.authenticate
            || self.namespaces.read().values().any(|nsp| nsp.listen.load(Relaxed) || nsp.ask.load(Relaxed))
    }

    /// Emits an event to sockets of a namespace. False: the server is closed, or there is no such namespace.
    pub fn emit(self: &Arc<Self>, event: Outgoing<'_>) -> bool {
        let Some(nsp) = self.namespace(event.nsp) else {
            return false;
        };
        let policy = self.policy(&nsp, &event);
        // Held until the event is queued: what was accepted comes before the close, and is delivered.
        let state = self.state.lock();
        if *state != State::Open {
            return false;
        }
        let Outgoing { to, volatile, batch, text, attachments, .. } = event;
        let run = |text: &str| {
            Run::one(socket::encode(Kind::Event, &nsp.name, None, text, attachments), clock::micros(), policy)
        };
        let run = match nsp.recovery.as_ref().filter(|_| !volatile) {
            None => run(text),
            Some(recovery) => {
                let mut recovery = recovery.lock();
                let (text, offset) = recovery.mark(text);
                let run = run(&text);
                recovery.remember(offset, to.clone(), run.clone(), Instant::now());
                run
            }
        };
        let batch = batch.then_some(self.config.batch);
        let emit = Arc::new(Emit { nsp, to, volatile, batch, server: self.clone(), run });
        self.emitted.add(1);
        self.mailboxes.iter().for_each(|mailbox| mailbox.push(Command::Emit(emit.clone())));
        true
    }

    /// What may happen to an event: what the emitter says, or what is set for its name.
    pub(super) fn policy(&self, nsp: &Namespace, event: &Outgoing<'_>) -> Policy {
        let (name, keep) = match &event.keep {
            Some(keep) => (None, keep.clone()),
            None if self.config.policies.is_empty() => return Policy::Close,
            None => {
                let (First::String(name), rest) = json::first_item(event.text) else { return Policy::Close };
                let Some(rule) = self.config.policies.get(&*name) else { return Policy::Close };
                let keep = rule.keep(json::second_item(rest));
                (Some(name), keep)
            }
        };
        if keep == Keep::Close {
            return Policy::Close;
        }
        let name = name.unwrap_or_else(|| match json::first_item(event.text).0 {
            First::String(name) => name,
            _ => "".into(),
        });
        let room = match event.to.rooms.as_slice() {
            [room] if Id::parse(room).is_none() => Some(room.clone()),
            _ => None,
        };
        match keep {
            Keep::Close => Policy::Close,
            Keep::Gap => Policy::Gap(Arc::new(Stream {
                nsp: nsp.name.clone(),
                event: name.into(),
                room,
                enveloped: event.enveloped,
            })),
            Keep::Latest(key) => {
                // Something between the parts that none of them holds.
                let parts = [&*nsp.name, &*name, room.as_deref().unwrap_or_default(), &key];
                Policy::Latest(parts.join("\0").into())
            }
        }
    }

    /// The numbers of one shard.
    pub(super) fn counters(&self, shard: usize) -> &Counters {
        &self.counters[shard]
    }

    /// Takes one of the places for questions about sockets, if there is one.
    pub(super) fn reserve_decision(&self) -> bool {
        let has_room = self.deciding.fetch_add(1, Relaxed) < self.config.access.max_pending_authentications;
        if !has_room {
            self.release_decision();
        }
        has_room
    }

    /// JavaScript has answered a question about a socket, or has no work with it any more.
    pub fn release_decision(&self) {
        self.deciding.fetch_sub(1, Relaxed);
    }

    /// Tells JavaScript from now on which rooms have members; begins with those that have some.
    pub fn watch_rooms(self: &Arc<Self>) {
        for mailbox in self.mailboxes.iter() {
            mailbox.push(Command::Watch { server: self.clone() });
        }
    }

    /// Changes many sockets.
    pub fn change_all(&self, nsp: &str, to: &Selection, change: &super::command::Change) {
        let Some(nsp) = self.namespace(nsp) else {
            return;
        };
        for mailbox in self.mailboxes.iter() {
            mailbox.push(Command::ChangeAll { nsp: nsp.clone(), to: to.clone(), change: change.clone() });
        }
    }

    /// The shard's mailbox, by index.
    pub fn mailbox(&self, shard: usize) -> &Arc<Mailbox> {
        &self.mailboxes[shard % self.mailboxes.len()]
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.mailboxes.len()
    }

    /// The shard whose turn it is to get a new connection.
    pub fn next_shard(&self) -> usize {
        self.next.fetch_add(1, Relaxed) as usize % self.mailboxes.len()
    }

    /// What the server is doing.
    pub fn state(&self) -> State {
        *self.state.lock()
    }

    /// Runs `close` when no client of a closing server is left: a listener stops, which until then answers their last
    /// requests.
    pub fn on_close(&self, close: impl FnOnce() + Send + 'static) {
        self.closers.lock().push(Box::new(close));
    }

    /// Begins to close: everything accepted so far is flushed, clients are closed so that they come back, within
    /// `deadline` milliseconds. Idempotent. The sink gets the report. `patient`: polling clients can still come for what
    /// waits for them, because the thread that answers their requests goes on.
    pub fn close(self: &Arc<Self>, deadline: u64, patient: bool) {
        let mut state = self.state.lock();
        if *state != State::Open {
            return;
        }
        *state = State::Closing;
        let connections = self.stats(false).connections;
        *self.closing.lock() = (connections.polling + connections.websocket, Some(Instant::now()));
        // A listener of our own goes on answering, whatever JavaScript does.
        let patient = patient || !self.closers.lock().is_empty();
        for mailbox in self.mailboxes.iter() {
            mailbox.push(Command::Close { server: self.clone(), deadline, patient });
        }
    }

    /// Waits until the server is closed.
    pub fn wait_closed(&self, timeout: std::time::Duration) {
        let mut state = self.state.lock();
        self.closed.wait_while_for(&mut state, |state| *state != State::Closed, timeout);
    }

    /// A shard has no client of this server left. After the last shard the listener stops.
    pub(super) fn shard_drained(&self) {
        if self.shards_draining.fetch_sub(1, Relaxed) == 1 {
            let closers = std::mem::take(&mut *self.closers.lock());
            closers.into_iter().for_each(|close| close());
        }
    }

    /// A shard has nothing of this server left. True: it was the last shard.
    pub(super) fn shard_closed(&self) -> bool {
        self.shards_open.fetch_sub(1, Relaxed) == 1
    }

    pub(super) fn mark_closed(&self) {
        *self.state.lock() = State::Closed;
        self.closed.notify_all();
    }

    /// All numbers; `look`: also what only the shards can tell, for which they are asked.
    pub fn stats(self: &Arc<Self>, look: bool) -> Stats {
        // First: what shards were busy with when they were asked is counted then.
        let looked = look.then(|| self.look());
        let mut stats = Stats::of(&self.counters);
        stats.events_out = self.emitted.get();
        stats.refused = Refused::of(&self.refusals);
        stats.inbox = self.ledger.backlog();
        if let Some(looked) = looked {
            stats.commands_waiting = self.mailboxes.iter().map(|mailbox| mailbox.len() as u64).sum();
            (stats.waiting, stats.rooms) = looked;
        }
        stats
    }

    /// What the shutdown came to.
    pub fn report(self: &Arc<Self>) -> Report {
        let Stats { deliveries, events_out, dropped, slow_clients, .. } = self.stats(false);
        let (clients, since) = *self.closing.lock();
        let milliseconds = since.map_or(0, |since| since.elapsed().as_millis() as u64);
        Report { clients, milliseconds, events_out, deliveries, dropped, slow_clients }
    }
}

/// An event on its way out.
#[derive(Debug, Default)]
pub struct Outgoing<'a> {
    /// The namespace.
    pub nsp: &'a str,
    /// Who gets it.
    pub to: Selection,
    /// Dropped for those who cannot be written to now.
    pub volatile: bool,
    /// May wait for others of its room.
    pub batch: bool,
    /// What may happen to it in a full outbox; by default what is set for its name, or nothing.
    pub keep: Option<Keep>,
    /// Its data is in the envelope of the nself layer.
    pub enveloped: bool,
    /// `["name", …]`
    pub text: &'a str,
    /// In the order of their placeholders.
    pub attachments: &'a [Bytes],
}

/// What a shutdown came to. Numbers count from the server's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Clients that were connected when it began.
    pub clients: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Events that were emitted.
    pub events_out: u64,
    /// Events times receivers.
    pub deliveries: u64,
    /// Events that clients did not get, by reason.
    pub dropped: Dropped,
    /// Clients that were closed because they read too slowly.
    pub slow_clients: u64,
}
