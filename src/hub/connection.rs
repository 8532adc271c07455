//! One client connection on its shard: its session's effects are carried out here, and its messages find their way to
//! sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use super::account::{Account, Credit};
use super::command::{Answer, Respond};
use super::counters::{Counters, Gauge, Tally};
use super::identity::Identity;
use super::ids::Id;
use super::limits::Allowance;
use super::outbox::Outbox;
use super::server::Server;
use super::shard::{Key, Shard, Timer, guarded};
use crate::config::Config;
use crate::error::Reason;
use crate::guard::gate::Seat;
use crate::guard::origin;
use crate::protocol::engine::{self, Packet};
use crate::protocol::frame::Frame;
use crate::session::Millis;
use crate::session::engine::{Channel, Effect, Engine, Message, Reply, Timing, Transport};
use crate::session::handshake::Request;
use crate::session::socket::Sockets;

/// One client: its session, its sockets, and what waits to be sent to it.
pub struct Connection {
    pub(super) serial: u32,
    pub(super) server: Arc<Server>,
    pub(super) sid: Id,
    pub(super) engine: Engine<Respond>,
    pub(super) members: Sockets<u32>,
    pub(super) outbox: Outbox,
    /// The WebSocket in use.
    pub(super) link: Option<u32>,
    /// The WebSocket that an upgrade tries out.
    pub(super) probe: Option<u32>,
    /// The earliest wake-up asked for.
    armed: Millis,
    dirty: bool,
    /// All that waits belongs to batches whose windows are open.
    pub(super) held: bool,
    /// The last write did not take everything.
    pub(super) blocked: bool,
    /// Its place among the receivers of the events at hand; it counts if it is found there.
    pub(super) receiver: u32,
    /// When the client was last heard of.
    pub(super) seen: Millis,
    /// Who is behind it, once that is known.
    pub(super) identity: Option<Arc<Identity>>,
    /// When that ends.
    pub(super) expires: Option<Millis>,
    /// Which logouts had come when its first socket asked to be let in.
    pub(super) asked_at: u64,
    /// `socket.handshake` as JSON, if JavaScript wanted it when the connection came.
    pub(super) handshake: Option<Box<str>>,
    account: Option<Arc<Account>>,
    /// What the client may still say.
    pub(super) allowance: Allowance,
    /// A POST whose answer waits for JavaScript to catch up.
    pub(super) post_waits: bool,
    /// The server closes: until then the client may fetch what waits.
    pub(super) leaves_by: Option<Millis>,
}

impl Connection {
    /// Whether a packet would leave at once.
    pub(super) fn is_writable(&self) -> bool {
        self.engine.is_open() && !self.blocked && (self.link.is_some() || self.engine.has_poll())
    }

    /// Whether an event may wait for its batch: behind something that waits for a poll alone there is nothing to hold.
    pub(super) fn may_hold(&self) -> bool {
        self.held || self.outbox.is_empty()
    }

    /// Something was queued: it leaves with this pass, or (`hold`) may wait for its batch.
    pub(super) fn touch(&mut self, index: u32, hold: bool, dirty: &mut VecDeque<Key>) {
        if hold && !self.dirty && !self.blocked {
            self.held = true;
            return;
        }
        self.held = false;
        if !self.dirty {
            self.dirty = true;
            dirty.push_back(Key { index, serial: self.serial });
        }
    }

    /// All packets that wait, as a polling payload.
    pub(super) fn payload(&mut self, shard: usize) -> Vec<u8> {
        let mut tally = Tally::default();
        let body = self.outbox.take_payload(&mut tally);
        self.server.counters(shard).wrote(&tally);
        body
    }

    /// What a session replies to a polling request.
    fn answer(&mut self, reply: Reply, shard: usize) -> Answer {
        let payload = |body: Vec<u8>| Answer::Payload { body, opened: None };
        match reply {
            Reply::Flush => payload(self.payload(shard)),
            Reply::Noop => payload(b"6".into()),
            Reply::Close => payload(b"1".into()),
            Reply::NoopClose => payload(b"6\x1e1".into()),
            Reply::Ok => Answer::Ok,
            Reply::BadRequest => Answer::Status(400),
            Reply::TooLarge => Answer::Status(413),
            Reply::NotAllowed => Answer::Status(500),
            Reply::Cut => Answer::Cut,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.is_paused())
    }
}

impl Shard {
    pub(super) fn connection(&mut self, key: Key) -> Option<&mut Connection> {
        self.connections.get_mut(key.index as usize).filter(|connection| connection.serial == key.serial)
    }

    /// Creates a session; its open packet waits in the outbox.
    pub(super) fn open(&mut self, server: Arc<Server>, transport: Transport, request: &Request, seat: Seat) -> Key {
        let config = &server.config;
        let timing = Timing {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            upgrade_timeout: config.upgrade_timeout,
            close_timeout: Config::POLLING_CLOSE_TIMEOUT.as_millis() as u64,
        };
        let sid = self.ids.next();
        let upgrades = transport == Transport::Polling && config.allow_upgrades && config.websocket;
        let open = engine::open_data(
            sid.as_str(),
            upgrades,
            config.ping_interval,
            config.ping_timeout,
            config.max_http_buffer_size,
        );
        let handshake = server.wants_handshakes().then(|| self.handshake_json(config, request));
        let now = self.now;
        let mut outbox = Outbox::default();
        outbox.push(Frame::text(&[&open]));
        let connection = Connection {
            serial: self.next_serial(),
            sid,
            engine: Engine::new(transport, timing, now),
            members: Sockets::new(
                now + config.connect_timeout,
                config.max_http_buffer_size,
                config.limits.max_attachments,
            ),
            outbox,
            link: None,
            probe: None,
            armed: Millis::MAX,
            dirty: false,
            held: false,
            blocked: false,
            receiver: 0,
            seen: now,
            identity: None,
            expires: None,
            asked_at: 0,
            handshake,
            account: None,
            allowance: Allowance::new(seat),
            post_waits: false,
            leaves_by: None,
            server,
        };
        let counters = connection.server.counters(self.index);
        counters.connections.add(1);
        gauge(counters, transport).up();
        self.keep_sweeping(&connection.server);
        self.count(connection.server.id, 1);
        let serial = connection.serial;
        let key = Key { index: self.connections.insert(connection) as u32, serial };
        self.sids.insert(sid, key);
        self.rearm(key);
        key
    }

    fn handshake_json(&self, config: &Config, request: &Request) -> Box<str> {
        let cookies = origin::may_use_cookies(request, config.cors.as_ref());
        let issued = self.wall(self.now);
        let time = jiff::Timestamp::from_millisecond(issued).unwrap_or_default();
        request
            .handshake_json(
                issued,
                &time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)").to_string(),
                cookies,
            )
            .into()
    }

    /// Runs one step of a session, if it still exists, and carries out what follows.
    pub(super) fn with_session(&mut self, sid: Id, step: impl FnOnce(&mut Engine<Respond>, &mut Vec<Effect<Respond>>)) {
        let Some(key) = self.sids.get(&sid).copied() else {
            return;
        };
        self.with_engine(key, step);
    }

    pub(super) fn with_engine(&mut self, key: Key, step: impl FnOnce(&mut Engine<Respond>, &mut Vec<Effect<Respond>>)) {
        let Some(connection) = self.connection(key) else {
            return;
        };
        let mut effects = Vec::new();
        step(&mut connection.engine, &mut effects);
        self.apply(key, effects);
    }

    /// An internal error: the connection that was busy ends, whatever state it is in.
    pub(super) fn abandon(&mut self) {
        let shard = self.index;
        let Some(key) = self.busy.take() else { return };
        let Some(connection) = self.connection(key) else {
            return;
        };
        let mut effects = Vec::new();
        connection.engine.end(Reason::Internal, &mut effects);
        for effect in effects {
            if let Effect::Reply(respond, reply) = effect {
                respond(connection.answer(reply, shard));
            }
        }
        // Each try is rid of one socket at least.
        for _ in 0..connection.members.iter().count() {
            guarded("sockets", || self.sockets_over(key, Reason::Internal));
        }
        self.forget(key);
    }

    /// One packet from the client.
    pub(super) fn packet(&mut self, key: Key, channel: Channel, packet: Packet<'_>) {
        self.busy = Some(key);
        let now = self.now;
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.seen = now;
        let mut effects = Vec::new();
        let message = connection.engine.packet(now, channel, packet, &mut effects);
        match message {
            Some(Message::Text(text)) => {
                let input = connection.members.text(text);
                self.hold(key);
                self.input(key, input);
            }
            Some(Message::Binary(data)) => {
                let input = connection.members.binary(data);
                self.hold(key);
                self.input(key, input);
            }
            None => {
                self.apply(key, effects);
                self.may_chatter(key);
            }
        }
    }

    /// Carries out what a session wants.
    pub(super) fn apply(&mut self, key: Key, effects: Vec<Effect<Respond>>) {
        self.busy = Some(key);
        let shard = self.index;
        for effect in effects {
            let Some(connection) = self.connection(key) else {
                return;
            };
            match effect {
                Effect::Reply(respond, reply) => respond(connection.answer(reply, shard)),
                Effect::Ping => {
                    connection.outbox.push_urgent(Frame::text(&["2"]));
                    self.touch_first(key);
                }
                Effect::ProbePong => {
                    if let Some(link) = connection.probe {
                        self.send_on_link(link, Frame::text(&["3probe"]));
                    }
                }
                Effect::CloseProbe => {
                    if let Some(link) = connection.probe.take() {
                        self.close_link(link, Outbox::default(), None, false);
                    }
                }
                Effect::Upgraded => self.switch_to_probe(key),
                Effect::CloseWebSocket => {
                    if let Some(link) = connection.link.take() {
                        let rest = std::mem::take(&mut connection.outbox);
                        self.close_link(link, rest, None, false);
                    }
                }
                Effect::Closed(reason) => self.sockets_over(key, reason),
                Effect::Gone => self.forget(key),
            }
        }
        self.rearm(key);
    }

    fn switch_to_probe(&mut self, key: Key) {
        let shard = self.index;
        let Some(connection) = self.connection(key) else {
            return;
        };
        let counters = connection.server.counters(shard);
        gauge(counters, Transport::Polling).down();
        gauge(counters, Transport::WebSocket).up();
        counters.upgrades.add(1);
        connection.link = connection.probe.take();
        let index = connection.link;
        if let Some(link) = index.and_then(|link| self.links.get_mut(link as usize)) {
            link.channel = Channel::Main;
            let mut first = std::mem::take(&mut link.tail);
            let connection = &mut self.connections[key.index as usize];
            first.append(std::mem::take(&mut connection.outbox));
            connection.outbox = first;
        }
        self.touch(key);
    }

    pub(super) fn forget(&mut self, key: Key) {
        let shard = self.index;
        let Some(connection) = self.connection(key) else {
            return;
        };
        let counters = connection.server.counters(shard);
        gauge(counters, connection.engine.transport()).down();
        counters.dropped_closed.add(connection.outbox.packets() as u64);
        if let Some(account) = &connection.account {
            account.hold(0);
        }
        let server = connection.server.id;
        let links = [connection.link, connection.probe];
        let sid = connection.sid;
        self.sids.remove(&sid);
        self.connections.remove(key.index as usize);
        self.count(server, -1);
        links.into_iter().flatten().for_each(|link| self.remove_link(link));
    }

    pub(super) fn touch(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key.index as usize) {
            connection.touch(key.index, false, &mut self.dirty);
        }
    }

    /// The same, ahead of others: heartbeats have their time.
    fn touch_first(&mut self, key: Key) {
        let before = self.dirty.len();
        self.touch(key);
        if self.dirty.len() > before {
            self.dirty.rotate_right(1);
        }
    }

    /// Asks for a wake-up at the connection's next deadline, unless an earlier one is asked for already.
    pub(super) fn rearm(&mut self, key: Key) {
        let Some(connection) = self.connection(key) else {
            return;
        };
        let next = [connection.engine.deadline(), connection.members.deadline(), connection.expires]
            .into_iter()
            .flatten()
            .min();
        if let Some(at) = next
            && at < connection.armed
        {
            connection.armed = at;
            self.timers.add(at, Timer::Connection(key));
        }
    }

    pub(super) fn tick_connection(&mut self, key: Key) {
        let now = self.now;
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.armed = Millis::MAX;
        if connection.leaves_by.is_some_and(|at| at <= now) {
            return self.with_engine(key, |engine, effects| engine.end(Reason::ServerShutdown, effects));
        }
        // Taken, as it may go on for a while until a poll tells the client.
        if connection.expires.take_if(|at| *at <= now).is_some() {
            self.expel(key);
            return self.rearm(key);
        }
        if connection.is_paused() {
            // What the client sent is not read; it is not the one that is silent.
            connection.engine.forgive(now);
        }
        let late = connection.members.is_late(now);
        self.with_engine(key, |engine, effects| engine.tick(now, effects));
        if late {
            if let Some(connection) = self.connection(key) {
                connection.server.refusals.timeout.add(1);
            }
            self.close_connection(key, Reason::ForcedClose);
        }
        self.rearm(key);
    }

    /// Closes a connection behind what waits for it.
    pub(super) fn close_connection(&mut self, key: Key, reason: Reason) {
        let now = self.now;
        let Some(connection) = self.connection(key) else {
            return;
        };
        let empty = connection.outbox.is_empty();
        let mut effects = Vec::new();
        connection.engine.close(now, reason, empty, &mut effects);
        if !empty {
            self.touch(key);
        }
        self.apply(key, effects);
    }

    /// Sends what waits, by whatever way is open.
    pub(super) fn flush(&mut self, key: Key) {
        self.busy = Some(key);
        let shard = self.index;
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.dirty = false;
        if let Some(link) = connection.link {
            return self.flush_link(link);
        }
        if connection.outbox.is_empty() {
            return;
        }
        if let Some(respond) = connection.engine.take_poll() {
            connection.held = false;
            respond(connection.answer(Reply::Flush, shard));
            if connection.leaves_by.is_some() {
                self.with_engine(key, |engine, effects| engine.end(Reason::ServerShutdown, effects));
            }
        }
    }

    /// Charges an event to the connection's account with JavaScript, and stops reading if too much waits.
    pub(super) fn charge(&mut self, key: Key, bytes: usize) -> Option<Credit> {
        let account = self.account(key)?;
        let credit = account.charge(bytes);
        account.may_read();
        Some(credit)
    }

    fn account(&mut self, key: Key) -> Option<&Arc<Account>> {
        let mailbox = self.mailbox.clone();
        let connection = self.connection(key)?;
        let Connection { server, account, .. } = connection;
        let id = u64::from(key.serial) << 32 | u64::from(key.index);
        Some(account.get_or_insert_with(|| Account::new(id, mailbox, server.ledger.clone(), server.config.max_inbox)))
    }

    /// Whether a connection may be read on; if not, it is resumed later.
    pub(super) fn may_read(&mut self, key: Key) -> bool {
        let Some(connection) = self.connection(key) else { return true };
        // An idle client costs no account.
        if connection.account.is_none() && !connection.server.ledger.is_full() {
            return true;
        }
        self.account(key).is_none_or(Account::may_read)
    }

    /// Counts what came of a message whose attachments are still to come.
    fn hold(&mut self, key: Key) {
        let Some(connection) = self.connection(key) else { return };
        let bytes = connection.members.unfinished();
        if (bytes > 0 || connection.account.is_some())
            && let Some(account) = self.account(key)
        {
            account.hold(bytes);
        }
    }

    /// A client takes too long over a message, and others have no room for theirs.
    pub(super) fn cut(&mut self, id: u64) {
        let key = Key { index: id as u32, serial: (id >> 32) as u32 };
        if let Some(connection) = self.connection(key) {
            connection.server.refusals.attachments.add(1);
            self.close_connection(key, Reason::ForcedClose);
        }
    }

    /// JavaScript has caught up.
    pub(super) fn resume(&mut self, id: u64) {
        let key = Key { index: id as u32, serial: (id >> 32) as u32 };
        let now = self.now;
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.engine.forgive(now);
        let links = [connection.link, connection.probe];
        if std::mem::take(&mut connection.post_waits) {
            self.with_engine(key, Engine::post_taken);
        }
        links.into_iter().flatten().for_each(|link| self.wake_link(link));
    }
}

fn gauge(counters: &Counters, transport: Transport) -> &Gauge {
    match transport {
        Transport::Polling => &counters.polling,
        Transport::WebSocket => &counters.websocket,
    }
}
