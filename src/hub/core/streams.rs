//! WebSockets: whose they are, what comes over them, and how they end.

use std::sync::Arc;

use bytes::Bytes;

use super::connection::{ConnectionId, Dirty};
use super::effect::Effect;
use super::input::Purpose;
use super::link::{DRAIN, Link, LinkId, Phase};
use super::outbox::Outbox;
use super::session::gauge;
use super::{Core, Due, Now, Tenant};
use crate::error::Reason;
use crate::hub::context::{Context, State};
use crate::hub::ids::Id;
use crate::protocol::deflate::Agreed;
use crate::protocol::engine::Packet;
use crate::protocol::frame::{self, Frame};
use crate::session::engine::{Channel, Transport};
use crate::session::handshake::Refusal;
use crate::session::websocket::{Incoming, Violation, ViolationKind};

/// Most that what waits on a WebSocket which is tried out may cost, in bytes.
const MAX_PROBE: usize = 4096;

impl Core {
    /// A WebSocket whose HTTP part is done. `preface`: what is still to be written before the first frame. `agreed`:
    /// messages may be compressed. None: the server takes nobody in.
    pub fn websocket(
        &mut self,
        now: Now,
        server: Arc<Context>,
        purpose: Purpose,
        preface: Bytes,
        agreed: Option<Agreed>,
        out: &mut Vec<Effect>,
    ) -> Option<LinkId> {
        if server.state() != State::Open {
            return None;
        }
        let mut id = None;
        self.step(now, out, |core| id = Some(core.attach(server, purpose, preface, agreed)));
        id
    }

    fn attach(&mut self, server: Arc<Context>, purpose: Purpose, preface: Bytes, agreed: Option<Agreed>) -> LinkId {
        self.count(&server, 1);
        let link = Link::new(server.clone(), agreed);
        let window = link.window;
        let link = self.directory.attach(link);
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
                    connection.window = window;
                    connection.touch(id, false, &mut self.dirty);
                }
                if let Some(link) = self.directory.link(link) {
                    link.connection = Some(id);
                }
            }
            Purpose::Probe { sid, current, websocket, request } => {
                if let Some(refusal) = self.probe(link, &server, &sid, current, websocket, preface)
                    && let Some(request) = request
                {
                    server.tell_refusal(&refusal, &request);
                }
            }
            Purpose::Close => {
                self.tail(link, preface);
                self.close_link(link, Outbox::default(), None, false);
            }
        }
        link
    }

    /// A WebSocket that wants to become the transport of a session. Returns why not, if its request must be refused.
    fn probe(
        &mut self,
        link: LinkId,
        server: &Arc<Context>,
        sid: &str,
        current: bool,
        websocket: bool,
        preface: Bytes,
    ) -> Option<Refusal> {
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
                self.finish_link(link);
                return Some(refusal);
            }
        };
        self.tail(link, preface);
        let now = self.millis();
        let connection = self.directory.connection(id)?;
        if !websocket || !connection.engine.probe(now) {
            self.close_link(link, Outbox::default(), None, false);
            return None;
        }
        connection.probe = Some(link);
        if let Some(link) = self.directory.link(link) {
            link.connection = Some(id);
            link.channel = Channel::Probe;
        }
        self.rearm(id);
        None
    }

    /// Bytes from a WebSocket.
    pub fn bytes(&mut self, now: Now, link: LinkId, bytes: &[u8], out: &mut Vec<Effect>) {
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
        let message = link.socket.next(input);
        let growth = link.socket.take_growth();
        if let Some(connection) = connection.filter(|_| growth > 0) {
            self.charge_input(connection, growth, 0);
            if self.directory.see_link(id).is_none_or(|link| link.phase != Phase::Live) {
                return false;
            }
        }
        match message {
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
            ViolationKind::Size(size) => {
                link.server.refusals.size.add(1);
                let limit = link.server.config.max_http_buffer_size;
                tracing::warn!(size, limit, "disconnecting a client: its message is larger than maxHttpBufferSize");
            }
            ViolationKind::Fragments => link.server.refusals.fragments.add(1),
            ViolationKind::Protocol => {}
        }
        let (owner, size) = (link.owner(), matches!(violation.kind, ViolationKind::Size(_)));
        if let Some(owner) = owner {
            let what =
                if size { "RangeError: Max payload size exceeded" } else { "RangeError: Invalid WebSocket frame" };
            self.blame(owner, what);
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
    pub fn lost(&mut self, now: Now, link: LinkId, out: &mut Vec<Effect>) {
        self.step(now, out, |core| core.lose(link, Reason::TransportClose));
    }

    /// The same by an internal error.
    pub fn failed(&mut self, now: Now, link: LinkId, out: &mut Vec<Effect>) {
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

    /// A client asks again and again whether its probe works: it need not be answered each time.
    pub(super) fn answer_probe(&mut self, id: LinkId) {
        let Some(link) = self.directory.link(id) else { return };
        if link.tail.cost() > MAX_PROBE {
            return;
        }
        link.tail.push(Frame::text(&["3probe"]));
        self.touch_link(id);
    }

    pub(super) fn switch_to_probe(&mut self, id: ConnectionId) {
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
        let window = link.window;
        let mut first = std::mem::take(&mut link.tail);
        first.append(waits);
        if let Some(connection) = self.directory.connection(id) {
            connection.outbox = first;
            connection.window = window;
            connection.touch(id, false, &mut self.dirty);
        }
        self.tell_upgraded(id);
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
            self.deadlines.set(Due::Link(id), at);
        }
        self.touch_link(id);
    }

    /// Whether a WebSocket's server closes: then it is the server's deadline that counts.
    pub(super) fn is_closing(&self, id: LinkId) -> bool {
        let server = self.directory.see_link(id).map(|link| link.server.id);
        server.and_then(|server| self.tenants.get(&server)).is_some_and(Tenant::is_closing)
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
}
