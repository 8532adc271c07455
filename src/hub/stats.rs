//! The numbers of a server: the sum of what its shards counted, as JSON or in the text form of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

use super::account::Backlog;
use super::core::look::Depth;
use super::counters::{Counter, Counters, Denial, Gauge, Histogram, Refusals};

/// Refusals by reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// `authenticate` or a middleware refused a client, or its session ended meanwhile.
    pub authentication: u64,
    /// Too many clients waited for that.
    pub busy: u64,
    /// A ticket was missing, not valid, or over.
    pub ticket: u64,
    /// A room that a client may not join.
    pub join: u64,
    /// A socket was in too many rooms, or there were too many.
    pub rooms: u64,
}

/// Connections by transport.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// HTTP long-polling.
    pub polling: u64,
    /// WebSocket.
    pub websocket: u64,
}

/// Events that clients did not get, by reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// A newer one replaced them in a full outbox.
    pub latest: u64,
    /// A `gap` event tells of them.
    pub gap: u64,
    /// Volatile, and the client could not take them.
    pub volatile: u64,
    /// The client was gone, too slow, or the server closed.
    pub closed: u64,
}

/// Events from clients that a rate limit refused, by whose it was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limited {
    /// The connection's own.
    pub connection: u64,
    /// Its user's.
    pub user: u64,
    /// Its address's.
    pub address: u64,
}

/// Requests and messages that a limit refused.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Too many handshakes a second from an address.
    pub handshakes: u64,
    /// Too many connections from an address.
    pub address: u64,
    /// Too many connections.
    pub full: u64,
    /// A head that is too large.
    pub headers: u64,
    /// A head, a body or a first CONNECT that did not come in time.
    pub timeout: u64,
    /// A message or a body that is too large.
    pub size: u64,
    /// A message in too many pieces.
    pub fragments: u64,
    /// Too many attachments, or too large ones.
    pub attachments: u64,
    /// The system had no descriptor left.
    pub descriptors: u64,
}

impl Refused {
    /// As counted.
    pub fn of(refusals: &Refusals) -> Self {
        Self {
            handshakes: refusals.handshakes.get(),
            address: refusals.address.get(),
            full: refusals.full.get(),
            headers: refusals.headers.get(),
            timeout: refusals.timeout.get(),
            size: refusals.size.get(),
            fragments: refusals.fragments.get(),
            attachments: refusals.attachments.get(),
            descriptors: refusals.descriptors.get(),
        }
    }
}

/// A distribution: `le` are the upper bounds, `counts` how many values fell to each (the last: above all bounds).
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// Upper bounds.
    pub le: Vec<u64>,
    /// One more than bounds.
    pub counts: Vec<u64>,
    /// Of all values.
    pub sum: u64,
}

impl Distribution {
    fn of<const N: usize>(histograms: impl Iterator<Item = impl std::ops::Deref<Target = Histogram<N>>>) -> Self {
        let mut all = Self { counts: vec![0; N + 1], ..Self::default() };
        for histogram in histograms {
            all.le = histogram.bounds.to_vec();
            let counts = histogram.counts.iter().chain([&histogram.above]);
            all.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count.load(Relaxed));
            all.sum += histogram.sum.load(Relaxed);
        }
        all
    }
}

/// All numbers of a server.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Open now.
    pub connections: Connections,
    /// Open now.
    pub sockets: u64,
    /// Rooms with members now, sockets' own ones not counted.
    pub rooms: u64,
    /// Sessions that were opened.
    pub opened: u64,
    /// Sessions that moved from polling to WebSocket.
    pub upgrades: u64,
    /// Events that were emitted here.
    pub events_out: u64,
    /// Events from clients.
    pub events_in: u64,
    /// Events times receivers.
    pub deliveries: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// System calls and polling answers that carried packets.
    pub writes: u64,
    /// Times that gathered events were let go.
    pub batches: u64,
    /// Events that clients did not get.
    pub dropped: Dropped,
    /// `gap` events.
    pub gaps: u64,
    /// Clients closed because they read too slowly.
    pub slow_clients: u64,
    /// Clients closed because nothing was heard of them.
    pub stale_clients: u64,
    /// Events that a rate limit refused.
    pub limited: Limited,
    /// Clients disconnected because they went on.
    pub floods: u64,
    /// Requests and messages that a limit refused.
    pub refused: Refused,
    /// What clients were refused.
    pub denied: Denied,
    /// What waits now.
    pub waiting: Depth,
    /// What waits for JavaScript now.
    pub inbox: Backlog,
    /// Commands that wait for the shards.
    pub commands_waiting: u64,
    /// Packets that left with one write.
    pub packets_per_write: Distribution,
    /// From an emit to its write, in microseconds.
    pub emit_to_write: Distribution,
    /// Threads that serve clients.
    pub shards: u64,
}

impl Stats {
    /// The sum over shards. What only a look at the shards can tell is left at zero.
    pub fn of(shards: &[Counters]) -> Self {
        let sum = |field: fn(&Counters) -> &Counter| shards.iter().map(|counters| field(counters).get()).sum();
        let now = |field: fn(&Counters) -> &Gauge| {
            // Of one number a shard may have counted down what another has yet to count up.
            shards.iter().map(|counters| field(counters).get()).fold(0, u64::wrapping_add)
        };
        Self {
            connections: Connections { polling: now(|c| &c.polling), websocket: now(|c| &c.websocket) },
            sockets: now(|c| &c.sockets),
            opened: sum(|c| &c.connections),
            upgrades: sum(|c| &c.upgrades),
            events_in: sum(|c| &c.events_in),
            deliveries: sum(|c| &c.deliveries),
            bytes_out: sum(|c| &c.bytes_out),
            bytes_in: sum(|c| &c.bytes_in),
            writes: sum(|c| &c.writes),
            batches: sum(|c| &c.batches),
            dropped: Dropped {
                latest: sum(|c| &c.dropped_latest),
                gap: sum(|c| &c.dropped_gap),
                volatile: sum(|c| &c.dropped_volatile),
                closed: sum(|c| &c.dropped_closed),
            },
            gaps: sum(|c| &c.gaps),
            slow_clients: sum(|c| &c.slow_clients),
            stale_clients: sum(|c| &c.stale_clients),
            limited: Limited {
                connection: sum(|c| &c.limited_connection),
                user: sum(|c| &c.limited_user),
                address: sum(|c| &c.limited_address),
            },
            floods: sum(|c| &c.floods),
            denied: Denied {
                authentication: sum(|c| &c.denied[Denial::Authentication as usize]),
                busy: sum(|c| &c.denied[Denial::Busy as usize]),
                ticket: sum(|c| &c.denied[Denial::Ticket as usize]),
                join: sum(|c| &c.denied[Denial::Join as usize]),
                rooms: sum(|c| &c.denied[Denial::Rooms as usize]),
            },
            packets_per_write: Distribution::of(shards.iter().map(|c| &c.together)),
            emit_to_write: Distribution::of(shards.iter().map(|c| &c.latency)),
            shards: shards.len() as u64,
            ..Self::default()
        }
    }

    /// The text form of Prometheus, version 0.0.4. Labels are few and fixed.
    pub fn prometheus(&self) -> String {
        let mut out = Exposition::default();
        self.put_gauges(&mut out);
        self.put_counters(&mut out);
        self.put_refusals(&mut out);
        out.histogram("packets_per_write", "Packets that left with one write.", &self.packets_per_write, 1.0);
        out.histogram("emit_to_write_seconds", "From an emit to its write.", &self.emit_to_write, 1e6);
        out.text
    }

    fn put_gauges(&self, out: &mut Exposition) {
        let transports = [("polling", self.connections.polling), ("websocket", self.connections.websocket)];
        out.labelled("connections", "gauge", "Open Engine.IO sessions.", "transport", &transports);
        for (name, help, value) in [
            ("sockets", "Open Socket.IO sockets.", self.sockets),
            ("rooms", "Rooms with members, the sockets' own ones not counted.", self.rooms),
            ("waiting_clients", "Clients for whom packets wait.", self.waiting.clients),
            ("waiting_bytes", "Bytes that wait for clients.", self.waiting.bytes),
            ("waiting_bytes_largest", "Bytes that wait for the client furthest behind.", self.waiting.largest),
            ("inbox_bytes", "Bytes of clients' events that wait for JavaScript.", self.inbox.bytes),
            ("inbox_unfinished_bytes", "Bytes of messages whose attachments have not all come.", self.inbox.unfinished),
            ("inbox_paused_connections", "Connections not read until JavaScript catches up.", self.inbox.paused),
            ("commands_waiting", "Commands that wait for the server's threads.", self.commands_waiting),
            ("shards", "Threads that serve clients.", self.shards),
        ] {
            out.family(name, "gauge", help);
            out.sample("", value);
        }
    }

    fn put_counters(&self, out: &mut Exposition) {
        for (name, help, value) in [
            ("connections_opened_total", "Engine.IO sessions that were opened.", self.opened),
            ("upgrades_total", "Sessions that moved from polling to WebSocket.", self.upgrades),
            ("events_emitted_total", "Events emitted by the application.", self.events_out),
            ("events_received_total", "Events from clients.", self.events_in),
            ("deliveries_total", "Events times receivers.", self.deliveries),
            ("sent_bytes_total", "Bytes to clients.", self.bytes_out),
            ("received_bytes_total", "Bytes from clients.", self.bytes_in),
            ("writes_total", "System calls and polling answers that carried packets.", self.writes),
            ("batches_total", "Batches of events that were let go by the end of their window.", self.batches),
            ("gaps_total", "Gap events sent to slow clients.", self.gaps),
            ("slow_clients_total", "Clients closed because they read too slowly.", self.slow_clients),
            ("stale_clients_total", "Clients closed because nothing was heard of them.", self.stale_clients),
        ] {
            out.family(name, "counter", help);
            out.sample("", value);
        }
        let dropped = [
            ("latest", self.dropped.latest),
            ("gap", self.dropped.gap),
            ("volatile", self.dropped.volatile),
            ("closed", self.dropped.closed),
        ];
        let help = "Packets that a client did not get, by reason.";
        out.labelled("dropped_total", "counter", help, "reason", &dropped);
    }

    fn put_refusals(&self, out: &mut Exposition) {
        out.family("floods_total", "counter", "Clients disconnected because they went on beyond their rate limit.");
        out.sample("", self.floods);
        let limited =
            [("connection", self.limited.connection), ("user", self.limited.user), ("address", self.limited.address)];
        let help = "Events from clients refused by a rate limit, by whose it was.";
        out.labelled("limited_events_total", "counter", help, "scope", &limited);
        let Refused { handshakes, address, full, headers, timeout, size, fragments, attachments, descriptors } =
            self.refused;
        let refused = [
            ("handshakes", handshakes),
            ("address", address),
            ("full", full),
            ("headers", headers),
            ("timeout", timeout),
            ("size", size),
            ("fragments", fragments),
            ("attachments", attachments),
            ("descriptors", descriptors),
        ];
        out.labelled("refused_total", "counter", "Requests and messages refused by a limit.", "limit", &refused);
        let denied = [
            ("authentication", self.denied.authentication),
            ("busy", self.denied.busy),
            ("ticket", self.denied.ticket),
            ("join", self.denied.join),
            ("rooms", self.denied.rooms),
        ];
        out.labelled("denied_total", "counter", "What clients were refused, by reason.", "reason", &denied);
    }
}

/// Metrics as text.
#[derive(Default)]
struct Exposition {
    text: String,
    name: String,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.name = format!("nself_realtime_{name}");
        let _ = write!(self.text, "# HELP {0} {help}\n# TYPE {0} {kind}\n", self.name);
    }

    fn sample(&mut self, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }

    /// One number for each value of a label.
    fn labelled(&mut self, name: &str, kind: &str, help: &str, label: &str, values: &[(&str, u64)]) {
        self.family(name, kind, help);
        for (of, value) in values {
            self.sample(&format!("{{{label}=\"{of}\"}}"), value);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, values: &Distribution, unit: f64) {
        self.family(name, "histogram", help);
        let mut below = 0;
        for (place, count) in values.counts.iter().enumerate() {
            below += count;
            let bound = values.le.get(place).map_or("+Inf".into(), |bound| (*bound as f64 / unit).to_string());
            let _ = writeln!(self.text, "{}_bucket{{le=\"{bound}\"}} {below}", self.name);
        }
        let _ = writeln!(self.text, "{}_sum {}\n{0}_count {below}", self.name, values.sum as f64 / unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_count_by_upper_bound_and_sum_over_shards() {
        let shards = [Counters::default(), Counters::default()];
        for (shard, value) in [(0, 1), (0, 2), (1, 10), (1, 11), (1, 5000)] {
            shards[shard].together.observe(value);
        }
        let stats = Stats::of(&shards);
        assert_eq!(stats.packets_per_write.counts, [1, 1, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!(stats.packets_per_write.sum, 5024);
    }

    #[test]
    fn the_text_form() {
        let shards = [Counters::default()];
        shards[0].websocket.up();
        shards[0].dropped_gap.add(7);
        shards[0].latency.observe(300);
        let text = Stats::of(&shards).prometheus();
        for line in [
            "# TYPE nself_realtime_connections gauge",
            "nself_realtime_connections{transport=\"websocket\"} 1",
            "nself_realtime_dropped_total{reason=\"gap\"} 7",
            "nself_realtime_emit_to_write_seconds_bucket{le=\"0.00025\"} 0",
            "nself_realtime_emit_to_write_seconds_bucket{le=\"0.0005\"} 1",
            "nself_realtime_emit_to_write_seconds_bucket{le=\"+Inf\"} 1",
            "nself_realtime_emit_to_write_seconds_sum 0.0003",
            "nself_realtime_emit_to_write_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
