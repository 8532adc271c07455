//! What a server counts: one set for each shard, so that shards do not fight for a cache line. Their sum is in
//! [`stats`](super::stats).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the latency histogram, in microseconds.
const LATENCY: [u64; 13] =
    [100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];
/// Upper bounds of the histogram of packets that leave together.
const TOGETHER: [u64; 8] = [1, 2, 5, 10, 20, 50, 100, 1000];

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How often a value fell between two bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    pub(super) bounds: &'static [u64; N],
    pub(super) counts: [AtomicU64; N],
    pub(super) above: AtomicU64,
    pub(super) sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: &'static [u64; N]) -> Self {
        Self { bounds, counts: [const { AtomicU64::new(0) }; N], above: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    /// Counts a value in.
    pub fn observe(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts.get(place).unwrap_or(&self.above).fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }
}

/// One write of what waited for a client, whatever the transport.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes.
    pub bytes: usize,
    /// Packets whose last byte left.
    pub packets: usize,
    /// System calls, or one answer to a polling request.
    pub calls: usize,
    /// When the first event among them was emitted, in microseconds of the process's clock.
    pub since: Option<u64>,
}

/// Why a client was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// `authenticate` or a middleware refused it, or its session ended meanwhile.
    Authentication,
    /// Too many waited for that.
    Busy,
    /// Its ticket was none, not valid, or over.
    Ticket,
    /// It may not join a room.
    Join,
    /// Its socket is in too many rooms, or there are too many.
    Rooms,
}

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

/// The numbers of one server on one shard.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    /// Sessions whose transport is polling now.
    pub polling: Gauge,
    /// Sessions whose transport is WebSocket now.
    pub websocket: Gauge,
    /// Sockets that joined a namespace.
    pub sockets: Gauge,
    /// Sessions that were opened.
    pub connections: Counter,
    /// Sessions that moved from polling to WebSocket.
    pub upgrades: Counter,
    /// Events from clients.
    pub events_in: Counter,
    /// Bytes from clients: WebSocket frames, bodies of polling requests.
    pub bytes_in: Counter,
    /// Events times receivers.
    pub deliveries: Counter,
    /// Bytes to clients.
    pub bytes_out: Counter,
    /// System calls and polling answers that carried packets.
    pub writes: Counter,
    /// Times that gathered events were let go by the end of their window.
    pub batches: Counter,
    /// Events that a newer one replaced in a full outbox.
    pub dropped_latest: Counter,
    /// Events that a `gap` event tells of.
    pub dropped_gap: Counter,
    /// Volatile events for clients that could not take them.
    pub dropped_volatile: Counter,
    /// Packets that waited for a client when it was gone, or too slow, or the server closed.
    pub dropped_closed: Counter,
    /// `gap` events.
    pub gaps: Counter,
    /// Clients that were closed because they read too slowly.
    pub slow_clients: Counter,
    /// Clients that were closed because nothing was heard of them.
    pub stale_clients: Counter,
    /// Events that the connection's own rate limit refused.
    pub limited_connection: Counter,
    /// Events that its user's refused.
    pub limited_user: Counter,
    /// Events that its address's refused.
    pub limited_address: Counter,
    /// Clients that were disconnected because they went on.
    pub floods: Counter,
    /// Clients that were refused, by reason: authentication, busy, ticket, join, rooms.
    pub(super) denied: [Counter; 5],
    /// Packets that left with one write.
    pub together: Histogram<8>,
    /// From an emit to the write of the first event of that write, in microseconds.
    pub latency: Histogram<13>,
}

impl Counters {
    /// Counts a refusal.
    pub fn denied(&self, denial: Denial) {
        self.denied[denial as usize].add(1);
    }

    /// Counts a write at this moment, in microseconds of the process's clock.
    pub fn wrote(&self, tally: &Tally, now: u64) {
        if tally.calls == 0 {
            return;
        }
        self.writes.add(tally.calls as u64);
        self.bytes_out.add(tally.bytes as u64);
        self.together.observe(tally.packets as u64);
        if let Some(since) = tally.since {
            self.latency.observe(now.saturating_sub(since));
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            polling: Gauge::default(),
            websocket: Gauge::default(),
            sockets: Gauge::default(),
            connections: Counter::default(),
            upgrades: Counter::default(),
            events_in: Counter::default(),
            bytes_in: Counter::default(),
            deliveries: Counter::default(),
            bytes_out: Counter::default(),
            writes: Counter::default(),
            batches: Counter::default(),
            dropped_latest: Counter::default(),
            dropped_gap: Counter::default(),
            dropped_volatile: Counter::default(),
            dropped_closed: Counter::default(),
            gaps: Counter::default(),
            slow_clients: Counter::default(),
            stale_clients: Counter::default(),
            limited_connection: Counter::default(),
            limited_user: Counter::default(),
            limited_address: Counter::default(),
            floods: Counter::default(),
            denied: Default::default(),
            together: Histogram::new(&TOGETHER),
            latency: Histogram::new(&LATENCY),
        }
    }
}
