//! Sessions: what a packet means to one, what it wants done, when it is due, and how it ends.

use std::sync::Arc;

use super::Core;
use super::connection::{Connection, ConnectionId, Doom, Ending};
use super::effect::{Effect as Act, Respond};
use super::limits::{Allowance, Verdict};
use super::outbox::Outbox;
use crate::config::Config;
use crate::error::Reason;
use crate::guard::gate::Seat;
use crate::guard::origin;
use crate::hub::context::Context;
use crate::hub::counters::{Counters, Gauge};
use crate::hub::event::eye;
use crate::hub::ids::Id;
use crate::protocol::engine::{self, Packet};
use crate::protocol::frame::Frame;
use crate::session::Millis;
use crate::session::engine::{Channel, Effect, Engine, Message, Transport};
use crate::session::handshake::Request;

impl Core {
    /// Creates a session; its open packet waits in the outbox.
    pub(super) fn open(
        &mut self,
        server: Arc<Context>,
        transport: Transport,
        request: &Request,
        seat: Seat,
    ) -> ConnectionId {
        let config = &server.config;
        let sid = self.ids.make();
        let upgrades = transport == Transport::Polling && config.allow_upgrades && config.websocket;
        let open = engine::open_data(
            sid.as_str(),
            upgrades,
            config.ping_interval,
            config.ping_timeout,
            config.max_http_buffer_size,
        );
        let mut connection = Connection::new(sid, transport, server.clone(), seat, self.millis());
        connection.outbox.push(Frame::text(&[&open]));
        connection.handshake = server.wants_handshakes().then(|| self.handshake_json(config, request));
        connection.token = request.token.clone();
        connection.via = request.via;
        let counters = connection.server.counters(self.index);
        counters.connections.add(1);
        gauge(counters, transport).up();
        let id = self.directory.open(connection);
        self.count(&server, 1);
        self.keep_sweeping(&server);
        self.rearm(id);
        self.tell_opened(id);
        id
    }

    fn handshake_json(&self, config: &Config, request: &Request) -> Box<str> {
        let cookies = origin::may_use_cookies(request, request.cors(config));
        let issued = self.now.wall;
        let time = jiff::Timestamp::from_millisecond(issued).unwrap_or_default();
        let time = time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)").to_string();
        request.handshake_json(issued, &time, cookies).into()
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
        if connection.eye & eye::PACKETS != 0 {
            self.tell_packet(id, channel, &packet);
        }
        if matches!(packet, Packet::Ping(_)) {
            self.blame(id, "invalid heartbeat direction");
        }
        let Some(connection) = self.directory.connection(id) else { return };
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
                    self.tell_sent(id, Frame::text(&["2"]).wire());
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
                Effect::Closed(reason) => {
                    connection.ended = Some(reason);
                    if connection.eye & eye::END != 0 {
                        self.parted.push(id);
                    }
                    self.end_sockets(id, reason);
                }
                Effect::Gone => self.directory.doom(id, Doom::Gone),
            }
        }
        self.rearm(id);
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

    pub(super) fn charge_input(&mut self, id: ConnectionId, bytes: usize, pieces: u32) {
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
