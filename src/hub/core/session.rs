//! From bytes to what they mean: WebSocket messages, Engine.IO packets, Socket.IO packets; and what sessions want done.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;

use super::Core;
use super::connection::{Connection, ConnectionId, Dirty, Doom, Ending};
use super::effect::{Effect as Act, Respond};
use super::input::Purpose;
use super::limits::{Allowance, Verdict};
use super::link::{DRAIN, Link, LinkId, Phase};
use super::outbox::Outbox;
use crate::config::Config;
use crate::error::Reason;
use crate::guard::gate::Seat;
use crate::guard::origin;
use crate::hub::context::{Context, State};
use crate::hub::counters::{Counters, Gauge};
use crate::hub::ids::Id;
use crate::protocol::engine::{self, Packet};
use crate::protocol::frame::{self, Frame};
use crate::session::Millis;
use crate::session::engine::{Channel, Effect, Engine, Message, Timing, Transport};
use crate::session::handshake::{Refusal, Request};
use crate::session::socket::Sockets;
use crate::session::websocket::{Incoming, Violation, ViolationKind};

/// Most that what waits on a WebSocket which is tried out may cost, in bytes.
const MAX_PROBE: usize = 4096;

impl Core {
    /// A WebSocket whose HTTP part is done. `preface`: what is still to be written before the first frame. None: the server
    /// takes nobody in.
    pub fn websocket(
        &mut self,
        now: super::Now,
        server: Arc<Context>,
        purpose: Purpose,
        preface: Bytes,
        out: &mut Vec<Act>,
    ) -> Option<LinkId> {
        if server.state() != State::Open {
            return None;
        }
        let mut id = None;
        self.step(now, out, |core| id = Some(core.attach(server, purpose, preface)));
        id
    }

    fn attach(&mut self, server: Arc<Context>, purpose: Purpose, preface: Bytes) -> LinkId {
        self.count(&server, 1);
        let link = self.directory.attach(Link::new(server.clone()));
        match purpose {
            Purpose::Open(request, seat) => {
                let id = self.open(server, Transport::WebSocket, &request, seat);
                if let Some(connection) = self.directory.connection(id) {
                    let mut outbox = Outbox::default();
                    if !preface.is_empty() {
                        outbox.push_first(preface);
                    }
                    outbox.append(std::mem::take(&mut connection.outbox));
                    connection.outbox = outbox;
                    connection.link = Some(link);
                    connection.touch(id, false, &mut self.dirty);
                }
                if let Some(link) = self.directory.link(link) {
                    link.connection = Some(id);
                }
            }
            Purpose::Probe { sid, current, websocket } => self.probe(link, &server, &sid, current, websocket, preface),
            Purpose::Close => {
                self.tail(link, preface);
                self.close_link(link, Outbox::default(), None, false);
            }
        }
        link
    }

    /// A WebSocket that wants to become the transport of a session.
    fn probe(
        &mut self,
        link: LinkId,
        server: &Arc<Context>,
        sid: &str,
        current: bool,
        websocket: bool,
        preface: Bytes,
    ) {
        let found = Id::parse(sid).and_then(|sid| self.directory.by_sid(&sid));
        let found =
            found.filter(|id| self.directory.see(*id).is_some_and(|connection| connection.server.id == server.id));
        let id = match found {
            Some(id) if current => id,
            _ => {
                let refusal = if found.is_none() { Refusal::UNKNOWN_SID } else { Refusal::BAD_REQUEST };
                if !preface.is_empty() {
                    self.tail(link, refusal.upgrade_response());
                }
                return self.finish_link(link);
            }
        };
        self.tail(link, preface);
        let now = self.millis();
        let Some(connection) = self.directory.connection(id) else { return };
        if !websocket || !connection.engine.probe(now) {
            return self.close_link(link, Outbox::default(), None, false);
        }
        connection.probe = Some(link);
        if let Some(link) = self.directory.link(link) {
            link.connection = Some(id);
            link.channel = Channel::Probe;
        }
        self.rearm(id);
    }

    /// Creates a session; its open packet waits in the outbox.
    pub(super) fn open(
        &mut self,
        server: Arc<Context>,
        transport: Transport,
        request: &Request,
        seat: Seat,
    ) -> ConnectionId {
        let config = &server.config;
        let timing = Timing {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            upgrade_timeout: config.upgrade_timeout,
            close_timeout: Config::POLLING_CLOSE_TIMEOUT.as_millis() as u64,
        };
        let sid = self.ids.make();
        let upgrades = transport == Transport::Polling && config.allow_upgrades && config.websocket;
        let open = engine::open_data(
            sid.as_str(),
            upgrades,
            config.ping_interval,
            config.ping_timeout,
            config.max_http_buffer_size,
        );
        let now = self.millis();
        let mut outbox = Outbox::default();
        outbox.push(Frame::text(&[&open]));
        let connection = Connection {
            via: request.via,
            sid,
            engine: Engine::new(transport, timing, now),
            members: Sockets::new(
                now + server.connect_timeout.load(Relaxed),
                config.max_http_buffer_size,
                config.limits.max_attachments,
            ),
            outbox,
            link: None,
            probe: None,
            dirty: false,
            held: false,
            blocked: false,
            over: false,
            receiver: 0,
            seen: now,
            identity: None,
            asked_at: 0,
            handshake: server.wants_handshakes().then(|| self.handshake_json(config, request)),
            account: None,
            allowance: Allowance::new(seat),
            post_waits: false,
            leaves_by: None,
            doom: None,
            server,
        };
        let counters = connection.server.counters(self.index);
        counters.connections.add(1);
        gauge(counters, transport).up();
        let server = connection.server.clone();
        let id = self.directory.open(connection);
        self.count(&server, 1);
        self.keep_sweeping(&server);
        self.rearm(id);
        id
    }

    fn handshake_json(&self, config: &Config, request: &Request) -> Box<str> {
        let cookies = origin::may_use_cookies(request, request.cors(config));
        let issued = self.now.wall;
        let time = jiff::Timestamp::from_millisecond(issued).unwrap_or_default();
        let time = time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)").to_string();
        request.handshake_json(issued, &time, cookies).into()
    }

    /// Bytes from a WebSocket.
    pub fn bytes(&mut self, now: super::Now, link: LinkId, bytes: &[u8], out: &mut Vec<Act>) {
        self.step(now, out, |core| {
            // What was emitted before the client says something comes before its answer.
            core.settle_all();
            if let Some(link) = core.directory.link(link) {
                link.server.counters(core.index).bytes_in.add(bytes.len() as u64);
            }
            core.read(link, bytes);
            core.admit_waiting();
        });
    }

    fn read(&mut self, id: LinkId, bytes: &[u8]) {
        let Some(link) = self.directory.link(id) else { return };
        if let Phase::Closing { finish, .. } = link.phase {
            link.drained += bytes.len();
            if link.drained > DRAIN {
                return self.directory.drop_link(id);
            }
            if finish {
                return;
            }
        }
        let owner = link.connection;
        match (link.socket.inspect(bytes), owner) {
            (Err(violation), _) => return self.violation(id, violation),
            (Ok(pieces), Some(owner)) => self.charge_input(owner, bytes.len(), pieces),
            (Ok(_), None) => {}
        }
        let mut input = bytes;
        // Each message is a step of its own: who goes by it is gone before the next one.
        while self.next_message(id, &mut input) {
            self.reap();
        }
    }

    /// One message. False: there is none, or none is looked at any more.
    fn next_message(&mut self, id: LinkId, input: &mut &[u8]) -> bool {
        let Some(link) = self.directory.link(id).filter(|link| !link.doomed) else { return false };
        if matches!(link.phase, Phase::Closing { finish: true, .. }) {
            return false;
        }
        let (connection, channel) = (link.connection, link.channel);
        match link.socket.next(input) {
            Ok(None) => return false,
            Ok(Some(Incoming::Text(text))) => {
                if let Some(connection) = connection {
                    self.packet(connection, channel, Packet::decode(&text));
                }
            }
            Ok(Some(Incoming::Binary(data))) => {
                if let Some(connection) = connection {
                    self.packet(connection, channel, Packet::Binary(data));
                }
            }
            Ok(Some(Incoming::Ping(pong))) => self.pong(id, pong),
            Ok(Some(Incoming::Close(reply))) => {
                self.last_words(id, reply, Reason::TransportClose);
                return false;
            }
            Err(violation) => {
                self.violation(id, violation);
                return false;
            }
        }
        true
    }

    fn pong(&mut self, id: LinkId, pong: Bytes) {
        let Some(link) = self.directory.link(id).filter(|link| link.phase == Phase::Live) else { return };
        let (connection, is_main) = (link.connection, link.channel == Channel::Main);
        if connection.is_some_and(|connection| !self.may_chatter(connection)) {
            return;
        }
        match connection.filter(|_| is_main) {
            Some(owner) => {
                if let Some(connection) = self.directory.connection(owner) {
                    connection.outbox.push_pong(pong);
                    connection.touch(owner, false, &mut self.dirty);
                }
            }
            None => {
                if let Some(link) = self.directory.link(id) {
                    link.tail.push_pong(pong);
                }
                self.touch_link(id);
            }
        }
    }

    fn violation(&mut self, id: LinkId, violation: Violation) {
        let Some(link) = self.directory.link(id) else { return };
        match violation.kind {
            ViolationKind::Size => {
                link.server.refusals.size.add(1);
                let limit = link.server.config.max_http_buffer_size;
                tracing::warn!(limit, "disconnecting a client: its message is larger than maxHttpBufferSize");
            }
            ViolationKind::Fragments => link.server.refusals.fragments.add(1),
            ViolationKind::Protocol => {}
        }
        self.last_words(id, violation.close, Reason::TransportError);
    }

    /// A close frame of ours, behind what waits: a frame may be half written.
    fn last_words(&mut self, id: LinkId, close: Bytes, reason: Reason) {
        let Some(link) = self.directory.link(id) else { return };
        if link.phase != Phase::Live {
            return self.directory.drop_link(id);
        }
        let own = link.owner();
        let rest = own.and_then(|own| self.directory.connection(own)).map(|own| std::mem::take(&mut own.outbox));
        let Some(link) = self.directory.link(id) else { return };
        link.push_tail(rest.unwrap_or_default());
        link.tail.push_raw(close);
        let (connection, channel) = (link.connection.take(), link.channel);
        self.finish_link(id);
        self.part(connection, channel, reason);
    }

    /// A WebSocket's stream has ended or broken.
    pub fn lost(&mut self, now: super::Now, link: LinkId, out: &mut Vec<Act>) {
        self.step(now, out, |core| core.lose(link, Reason::TransportClose));
    }

    /// The same by an internal error.
    pub fn failed(&mut self, now: super::Now, link: LinkId, out: &mut Vec<Act>) {
        self.step(now, out, |core| core.lose(link, Reason::Internal));
    }

    pub(super) fn lose(&mut self, id: LinkId, reason: Reason) {
        let Some(link) = self.directory.link(id) else { return };
        let (connection, channel) = (link.connection.take(), link.channel);
        self.directory.drop_link(id);
        self.part(connection, channel, reason);
    }

    /// A session loses a WebSocket.
    fn part(&mut self, connection: Option<ConnectionId>, channel: Channel, reason: Reason) {
        let Some(id) = connection else { return };
        let Some(connection) = self.directory.connection(id) else { return };
        match channel {
            Channel::Main => {
                connection.link = None;
                self.with_engine(id, |engine, effects| engine.lost(reason, effects));
            }
            Channel::Probe => {
                connection.probe = None;
                connection.engine.probe_closed();
                self.rearm(id);
            }
        }
    }

    /// Runs one step of a session, if it still exists, and carries out what follows.
    pub(super) fn with_session(&mut self, sid: Id, step: impl FnOnce(&mut Engine<Respond>, &mut Vec<Effect<Respond>>)) {
        if let Some(id) = self.directory.by_sid(&sid) {
            self.with_engine(id, step);
        }
    }

    pub(super) fn with_engine(
        &mut self,
        id: ConnectionId,
        step: impl FnOnce(&mut Engine<Respond>, &mut Vec<Effect<Respond>>),
    ) {
        let Some(connection) = self.directory.connection(id) else { return };
        let mut effects = Vec::new();
        step(&mut connection.engine, &mut effects);
        self.apply(id, effects);
    }

    /// One packet from the client.
    pub(super) fn packet(&mut self, id: ConnectionId, channel: Channel, packet: Packet<'_>) {
        self.busy = Some(id);
        let now = self.millis();
        let Some(connection) = self.directory.connection(id).filter(|connection| connection.doom.is_none()) else {
            return;
        };
        connection.seen = now;
        let mut effects = Vec::new();
        let message = connection.engine.packet(now, channel, packet, &mut effects);
        match message {
            Some(Message::Text(text)) => {
                let input = connection.members.text(text);
                self.hold(id);
                self.hear(id, input);
            }
            Some(Message::Binary(data)) => {
                let input = connection.members.binary(data);
                self.hold(id);
                self.hear(id, input);
            }
            None => {
                self.apply(id, effects);
                self.may_chatter(id);
            }
        }
    }

    /// Carries out what a session wants.
    pub(super) fn apply(&mut self, id: ConnectionId, effects: Vec<Effect<Respond>>) {
        self.busy = Some(id);
        let (shard, now) = (self.index, self.now.micros);
        for effect in effects {
            let Some(connection) = self.directory.connection(id) else { return };
            match effect {
                Effect::Reply(respond, reply) => {
                    let answer = connection.answer(reply, shard, now);
                    self.effects.push(Act::Reply(respond, answer));
                }
                Effect::Ping => {
                    connection.outbox.push_urgent(Frame::text(&["2"]));
                    self.touch_first(id);
                }
                Effect::ProbePong => {
                    if let Some(link) = connection.probe {
                        self.answer_probe(link);
                    }
                }
                Effect::CloseProbe => {
                    if let Some(link) = connection.probe.take() {
                        self.close_link(link, Outbox::default(), None, false);
                    }
                }
                Effect::Upgraded => self.switch_to_probe(id),
                Effect::CloseWebSocket => {
                    if let Some(link) = connection.link.take() {
                        let rest = std::mem::take(&mut connection.outbox);
                        self.close_link(link, rest, None, false);
                    }
                }
                Effect::Closed(reason) => self.end_sockets(id, reason),
                Effect::Gone => self.directory.doom(id, Doom::Gone),
            }
        }
        self.rearm(id);
    }

    /// A client asks again and again whether its probe works: it need not be answered each time.
    fn answer_probe(&mut self, id: LinkId) {
        let Some(link) = self.directory.link(id) else { return };
        if link.tail.cost() > MAX_PROBE {
            return;
        }
        link.tail.push(Frame::text(&["3probe"]));
        self.touch_link(id);
    }

    fn switch_to_probe(&mut self, id: ConnectionId) {
        let shard = self.index;
        let Some(connection) = self.directory.connection(id) else { return };
        let counters = connection.server.counters(shard);
        gauge(counters, Transport::Polling).down();
        gauge(counters, Transport::WebSocket).up();
        counters.upgrades.add(1);
        let Some(probe) = connection.probe.take() else { return };
        connection.link = Some(probe);
        let waits = std::mem::take(&mut connection.outbox);
        let Some(link) = self.directory.link(probe) else { return };
        link.channel = Channel::Main;
        let mut first = std::mem::take(&mut link.tail);
        first.append(waits);
        if let Some(connection) = self.directory.connection(id) {
            connection.outbox = first;
            connection.touch(id, false, &mut self.dirty);
        }
    }

    /// All sockets of a connection are over.
    pub(super) fn end_sockets(&mut self, id: ConnectionId, reason: Reason) {
        for socket in self.directory.sockets_of(id) {
            self.directory.end_socket(socket, Ending { reason, taken_over: false });
        }
    }

    /// Asks for a wake-up at the connection's next deadline.
    pub(super) fn rearm(&mut self, id: ConnectionId) {
        let Some(connection) = self.directory.see(id) else { return };
        match self.next_of(connection) {
            Some(at) => self.deadlines.set(super::Due::Connection(id), at),
            None => self.deadlines.clear(&super::Due::Connection(id)),
        }
    }

    /// When something of a connection is due.
    pub(super) fn next_of(&self, connection: &Connection) -> Option<Millis> {
        let expires = connection.identity.as_ref().and_then(|identity| identity.until);
        let expires = expires.filter(|_| connection.engine.is_open()).map(|until| self.now.process_at(until));
        let next = [connection.engine.deadline(), connection.members.deadline(), expires, connection.leaves_by];
        next.into_iter().flatten().min()
    }

    /// The system's clock was set.
    pub(super) fn rearm_all(&mut self) {
        let all: Vec<ConnectionId> = self.directory.connections().map(|(id, _)| id).collect();
        all.into_iter().for_each(|id| self.rearm(id));
    }

    pub(super) fn tick_connection(&mut self, id: ConnectionId) {
        let (now, wall) = (self.millis(), self.now.wall);
        self.busy = Some(id);
        let Some(connection) = self.directory.connection(id) else { return };
        if connection.leaves_by.is_some_and(|at| at <= now) {
            return self.with_engine(id, |engine, effects| engine.end(Reason::ServerShutdown, effects));
        }
        if connection.engine.is_open() && connection.identity.as_ref().is_some_and(|identity| identity.is_over(wall)) {
            self.expel(id);
            return self.rearm(id);
        }
        if connection.is_paused() {
            // What the client sent is not read; it is not the one that is silent.
            connection.engine.forgive(now);
        }
        let late = connection.members.is_late(now);
        self.with_engine(id, |engine, effects| engine.tick(now, effects));
        if late {
            if let Some(connection) = self.directory.connection(id) {
                connection.server.refusals.timeout.add(1);
            }
            self.close_connection(id, Reason::ForcedClose);
        }
        self.rearm(id);
    }

    /// Closes a connection behind what waits for it.
    pub(super) fn close_connection(&mut self, id: ConnectionId, reason: Reason) {
        let now = self.millis();
        let Some(connection) = self.directory.connection(id) else { return };
        let empty = connection.outbox.is_empty();
        let mut effects = Vec::new();
        connection.engine.close(now, reason, empty, &mut effects);
        if !empty {
            connection.touch(id, false, &mut self.dirty);
        }
        self.apply(id, effects);
    }

    /// JavaScript has caught up.
    pub(super) fn resume(&mut self, id: u64) {
        let id = ConnectionId::from_bits(id);
        let now = self.millis();
        let Some(connection) = self.directory.connection(id) else { return };
        connection.engine.forgive(now);
        let links = [connection.link, connection.probe];
        if std::mem::take(&mut connection.post_waits) {
            self.with_engine(id, Engine::post_taken);
        }
        self.effects.extend(links.into_iter().flatten().map(Act::Read));
        self.rearm(id);
    }

    /// Whether what waits for a WebSocket's client belongs to batches whose windows are open, or it is nobody's transport.
    pub fn is_held(&self, link: LinkId) -> bool {
        let owner = self.directory.see_link(link).and_then(Link::owner);
        owner.and_then(|owner| self.directory.see(owner)).is_none_or(|connection| connection.held)
    }

    /// Sends a close frame behind `rest` and what the link has still to write. `finish`: without waiting for an answer.
    pub(super) fn close_link(&mut self, id: LinkId, rest: Outbox, code: Option<u16>, finish: bool) {
        let Some(link) = self.directory.link(id) else { return };
        link.connection = None;
        link.push_tail(rest);
        let owed = link.tail.packets() > 0;
        link.tail.push_raw(frame::close(code, ""));
        self.linger(id, finish, owed);
    }

    /// A link writes what it has, and ends.
    fn finish_link(&mut self, id: LinkId) {
        self.linger(id, true, true);
    }

    fn linger(&mut self, id: LinkId, finish: bool, owed: bool) {
        let now = self.millis();
        let Some(link) = self.directory.link(id) else { return };
        link.phase = Phase::Closing { finish, owed, since: now };
        let until = link.lingers_until(now);
        if let Some(at) = until.filter(|_| !self.is_closing(id)) {
            self.deadlines.set(super::Due::Link(id), at);
        }
        self.touch_link(id);
    }

    /// Whether a WebSocket's server closes: then it is the server's deadline that counts.
    pub(super) fn is_closing(&self, id: LinkId) -> bool {
        let server = self.directory.see_link(id).map(|link| link.server.id);
        server.and_then(|server| self.tenants.get(&server)).is_some_and(super::Tenant::is_closing)
    }

    fn tail(&mut self, id: LinkId, bytes: Bytes) {
        if let Some(link) = self.directory.link(id) {
            link.tail.push_raw(bytes);
        }
        self.touch_link(id);
    }

    fn touch_link(&mut self, id: LinkId) {
        if let Some(link) = self.directory.link(id)
            && !std::mem::replace(&mut link.dirty, true)
        {
            self.dirty.push_back(Dirty::Link(id));
        }
    }

    /// Something is to be written ahead of others: heartbeats have their time.
    fn touch_first(&mut self, id: ConnectionId) {
        let before = self.dirty.len();
        if let Some(connection) = self.directory.connection(id) {
            connection.touch(id, false, &mut self.dirty);
        }
        if self.dirty.len() > before {
            self.dirty.rotate_right(1);
        }
    }

    /// Whether a packet that is no event may have an effect.
    pub(super) fn may_chatter(&mut self, id: ConnectionId) -> bool {
        self.judge(id, None, |allowance, limits, now, counters| allowance.chatter(limits, now, counters))
    }

    fn charge_input(&mut self, id: ConnectionId, bytes: usize, pieces: u32) {
        self.judge(id, None, |allowance, limits, now, counters| allowance.input(limits, now, bytes, pieces, counters));
    }

    /// Has the limits judge what a client does, and carries their verdict out. True: it may have its effect.
    pub(super) fn judge(
        &mut self,
        id: ConnectionId,
        socket: Option<super::socket::SocketId>,
        judge: impl FnOnce(&mut Allowance, &crate::config::Limits, u64, &Counters) -> Verdict,
    ) -> bool {
        let (now, shard) = (self.now.millis() * 1000, self.index);
        let Some(connection) = self.directory.connection(id) else { return false };
        let Connection { allowance, server, .. } = connection;
        match judge(allowance, &server.config.limits, now, server.counters(shard)) {
            Verdict::Pass => return true,
            Verdict::Drop => {}
            Verdict::Tell => {
                if let Some(socket) = socket {
                    allowance.told(now / 1000);
                    self.tell_of_limit(socket);
                }
            }
            Verdict::End => self.end_flood(id),
        }
        false
    }

    /// It goes on: it is disconnected, in a way in which clients do not come back by themselves.
    fn end_flood(&mut self, id: ConnectionId) {
        let shard = self.index;
        let Some(connection) = self.directory.connection(id).filter(|one| one.engine.is_open()) else { return };
        connection.server.counters(shard).floods.add(1);
        tracing::warn!("disconnecting a client that exceeds its rate limit");
        for socket in self.directory.sockets_of(id) {
            self.say_disconnected(socket);
        }
        self.end_sockets(id, Reason::RateLimit);
        let Some(connection) = self.directory.connection(id) else { return };
        let Some(link) = connection.link.take() else {
            return self.close_connection(id, Reason::RateLimit);
        };
        // What it still sends is not looked at.
        let rest = std::mem::take(&mut connection.outbox);
        self.close_link(link, rest, Some(1008), true);
        self.with_engine(id, |engine, effects| engine.end(Reason::RateLimit, effects));
    }
}

/// Connections by transport.
pub(super) fn gauge(counters: &Counters, transport: Transport) -> &Gauge {
    match transport {
        Transport::Polling => &counters.polling,
        Transport::WebSocket => &counters.websocket,
    }
}
