//! One real-time server of the process: its options, its namespaces, its counters, and the way to its JavaScript.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use super::command::{Command, Emit, SocketKey};
use super::mailbox::Mailbox;
use super::recovery::Recovery;
use super::rooms::Selection;
use crate::config::Config;
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
    /// A client asks for a namespace; answer with accept or deny. The text is the binding's ConnectInfo.
    Connecting(SocketKey, String),
    /// A client joined. The text is the binding's ConnectInfo.
    Connect(SocketKey, String),
    /// An event or an ack from a client.
    Packet(Box<Packet>),
    /// A socket is over: JSON `{reason, rooms}`.
    Disconnect(SocketKey, String),
    /// The server is closed: JSON report.
    Closed(String),
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

/// Where events go. It must not block.
pub trait Sink: Send + Sync {
    /// Takes an event.
    fn push(&self, event: Event);
}

/// Bytes of one connection's events that wait for JavaScript.
#[derive(Debug)]
pub struct Account {
    /// The connection, as the shard names it.
    pub connection: u64,
    /// Waiting bytes.
    pub waiting: AtomicUsize,
    /// The shard has stopped reading.
    pub paused: AtomicBool,
    mailbox: Arc<Mailbox>,
    limit: usize,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Account {
    /// An account of a connection on the shard with this mailbox.
    pub fn new(connection: u64, mailbox: Arc<Mailbox>, limit: usize) -> Arc<Self> {
        Arc::new(Self { connection, waiting: AtomicUsize::new(0), paused: AtomicBool::new(false), mailbox, limit })
    }

    /// Counts an event in.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Credit {
        self.waiting.fetch_add(bytes, Relaxed);
        Credit { account: self.clone(), bytes }
    }

    /// Whether so much waits that the connection must not be read for now.
    pub fn is_full(&self) -> bool {
        self.waiting.load(Relaxed) > self.limit
    }
}

/// An event's share of its connection's account; given back when dropped.
#[derive(Debug)]
pub struct Credit {
    account: Arc<Account>,
    bytes: usize,
}

impl Drop for Credit {
    fn drop(&mut self) {
        let account = &self.account;
        let waiting = account.waiting.fetch_sub(self.bytes, Relaxed) - self.bytes;
        if waiting <= account.limit / 2 && account.paused.swap(false, Relaxed) {
            account.mailbox.push(Command::Resume { connection: account.connection });
        }
    }
}

/// Native counters, read by `stats()`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Sessions whose transport is polling now.
    pub polling: AtomicUsize,
    /// Sessions whose transport is WebSocket now.
    pub websocket: AtomicUsize,
    /// Sockets that joined a namespace.
    pub sockets: AtomicUsize,
    /// Events that were emitted here.
    pub events_out: AtomicU64,
    /// Events times receivers.
    pub deliveries: AtomicU64,
    /// Events from clients.
    pub events_in: AtomicU64,
    /// Clients that were closed because they read too slowly.
    pub slow_clients: AtomicU64,
    /// Packets that were still waiting when the server closed.
    pub dropped: AtomicU64,
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
    /// Its numbers.
    pub counters: Arc<Counters>,
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
            config,
            sink,
            counters: Arc::default(),
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

    /// Whether JavaScript may want to know a client's handshake.
    pub fn wants_handshakes(&self) -> bool {
        self.namespaces.read().values().any(|nsp| nsp.listen.load(Relaxed) || nsp.ask.load(Relaxed))
    }

    /// Emits an event, `["name", …]`, to sockets of a namespace. False: the server is closed, or there is no such
    /// namespace.
    pub fn emit(
        &self,
        nsp: &str,
        to: Selection,
        volatile: bool,
        batch: bool,
        text: &str,
        attachments: &[Bytes],
    ) -> bool {
        let Some(nsp) = self.namespace(nsp) else {
            return false;
        };
        // Held until the event is queued: what was accepted comes before the close, and is delivered.
        let state = self.state.lock();
        if *state != State::Open {
            return false;
        }
        let encode = |text: &str| socket::encode(Kind::Event, &nsp.name, None, text, attachments);
        let batch = batch.then_some(self.config.batch);
        let counters = self.counters.clone();
        let new = |frames| Arc::new(Emit { nsp: nsp.clone(), to, volatile, batch, counters, frames });
        let emit = match nsp.recovery.as_ref().filter(|_| !volatile) {
            None => new(encode(text)),
            Some(recovery) => {
                let mut recovery = recovery.lock();
                let (text, offset) = recovery.mark(text);
                let emit = new(encode(&text));
                // Not the event itself: it holds its namespace, which holds this memory.
                recovery.remember(offset, emit.to.clone(), emit.frames.clone(), Instant::now());
                emit
            }
        };
        self.counters.events_out.fetch_add(1, Relaxed);
        self.mailboxes.iter().for_each(|mailbox| mailbox.push(Command::Emit(emit.clone())));
        true
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

    /// What the shutdown came to, as JSON.
    pub fn report(&self) -> String {
        let c = &self.counters;
        format!("{{\"deliveries\":{},\"dropped\":{}}}", c.deliveries.load(Relaxed), c.dropped.load(Relaxed))
    }

    /// The counters, as JSON.
    pub fn stats(&self) -> String {
        let c = &self.counters;
        format!(
            "{{\"connections\":{{\"polling\":{},\"websocket\":{}}},\"sockets\":{},\"eventsOut\":{},\"deliveries\":{},\"eventsIn\":{},\"slowClients\":{},\"dropped\":{},\"shards\":{}}}",
            c.polling.load(Relaxed),
            c.websocket.load(Relaxed),
            c.sockets.load(Relaxed),
            c.events_out.load(Relaxed),
            c.deliveries.load(Relaxed),
            c.events_in.load(Relaxed),
            c.slow_clients.load(Relaxed),
            c.dropped.load(Relaxed),
            self.mailboxes.len()
        )
    }
}
