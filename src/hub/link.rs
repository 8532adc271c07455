//! A WebSocket on its shard: reads into the shard's scratch, hands messages to its connection, writes the connection's
//! outbox. A link may outlive its connection, to deliver the last packets and the close frame.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::clock;
use super::command::{Incoming, Purpose, Stream};
use super::counters::Tally;
use super::ids::Id;
use super::outbox::{Outbox, Written};
use super::server::{Server, State};
use super::shard::{FLUSH_STEP, Key, SCRATCH, Shard, Timer, guarded, guarded_step};
use crate::config::Config;
use crate::error::Reason;
use crate::protocol::engine::Packet;
use crate::protocol::frame::{self, Frame};
use crate::session::engine::{Channel, Transport};
use crate::session::handshake::Refusal;
use crate::session::websocket::{self, Violation, ViolationKind, WebSocket};

/// How long one link is read before others get their turn, in microseconds.
const TURN: u64 = 500;

/// Bytes that are still taken from a client to which the close frame was sent. To end before they are read would cost the
/// client what was sent last; to read on for ever would serve a flood.
const DRAIN: usize = 1 << 20;

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It serves a connection.
    Live,
    /// The close frame is queued. `finish`: no answer is awaited, only the end of the stream.
    Closing { finish: bool },
}

/// One WebSocket.
pub struct Link {
    serial: u32,
    server: Arc<Server>,
    connection: Option<Key>,
    pub(super) channel: Channel,
    stream: Box<dyn Stream>,
    socket: WebSocket,
    /// What it writes while it is not a connection's transport.
    pub(super) tail: Outbox,
    waker: Option<Waker>,
    phase: Phase,
    /// Bytes that came since it is closing.
    drained: usize,
}

impl Shard {
    /// A WebSocket whose HTTP part is done.
    pub(crate) fn websocket(&mut self, incoming: Incoming) {
        let Incoming { server, stream, preface, head, purpose } = incoming;
        if server.state() != State::Open {
            return;
        }
        let stream = match stream() {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "cannot serve a connection"),
        };
        let socket = WebSocket::new(server.config.max_http_buffer_size, server.config.limits.max_fragments);
        let link = Link {
            serial: self.next_serial(),
            server: server.clone(),
            connection: None,
            channel: Channel::Main,
            stream,
            socket,
            tail: Outbox::default(),
            waker: None,
            phase: Phase::Live,
            drained: 0,
        };
        let serial = link.serial;
        self.count(server.id, 1);
        let index = self.links.insert(link) as u32;
        match purpose {
            Purpose::Open(request, seat) => {
                let key = self.open(server, Transport::WebSocket, &request, seat);
                let mut outbox = Outbox::default();
                if !preface.is_empty() {
                    outbox.push_first(preface);
                }
                let connection = &mut self.connections[key.index as usize];
                outbox.append(std::mem::take(&mut connection.outbox));
                connection.outbox = outbox;
                connection.link = Some(index);
                self.links[index as usize].connection = Some(key);
            }
            Purpose::Probe { sid, current, websocket } => {
                self.attach_probe(index, &server, &sid, current, websocket, preface);
            }
            Purpose::Close => {
                self.links[index as usize].tail.push_raw(preface);
                self.close_link(index, Outbox::default(), None, false);
            }
        }
        self.spawn_link(index, serial, head);
    }

    fn attach_probe(
        &mut self,
        index: u32,
        server: &Arc<Server>,
        sid: &str,
        current: bool,
        websocket: bool,
        preface: Bytes,
    ) {
        let found = Id::parse(sid).and_then(|sid| self.sids.get(&sid).copied()).filter(|key| {
            self.connections.get(key.index as usize).is_some_and(|connection| connection.server.id == server.id)
        });
        let refusal = match found {
            None => Some(Refusal::UNKNOWN_SID),
            Some(_) if !current => Some(Refusal::BAD_REQUEST),
            Some(_) => None,
        };
        if let Some(refusal) = refusal {
            let link = &mut self.links[index as usize];
            if !preface.is_empty() {
                link.tail.push_raw(refusal.upgrade_response());
            }
            link.phase = Phase::Closing { finish: true };
            return self.linger(index);
        }
        let now = self.now;
        let key = found.expect("refused otherwise");
        self.links[index as usize].tail.push_raw(preface);
        let connection = &mut self.connections[key.index as usize];
        if !websocket || !connection.engine.probe(now) {
            return self.close_link(index, Outbox::default(), None, false);
        }
        connection.probe = Some(index);
        let link = &mut self.links[index as usize];
        link.connection = Some(key);
        link.channel = Channel::Probe;
        self.rearm(key);
    }

    /// The link's task: it runs when there is something to read or room to write.
    fn spawn_link(&mut self, index: u32, serial: u32, head: Bytes) {
        let Some(shard) = self.me.upgrade() else {
            return;
        };
        let mut head = Some(head).filter(|head| !head.is_empty());
        tokio::task::spawn_local(poll_fn(move |context| {
            let head = head.take();
            guarded_step(&shard, "connection", || shard.borrow_mut().poll_link(index, serial, head, context))
                .unwrap_or_else(|| {
                    guarded("cleanup", || shard.borrow_mut().fail_link(Key { index, serial }));
                    Poll::Ready(())
                })
        }));
    }

    fn link(&mut self, key: Key) -> Option<&mut Link> {
        self.links.get_mut(key.index as usize).filter(|link| link.serial == key.serial)
    }

    fn poll_link(&mut self, index: u32, serial: u32, head: Option<Bytes>, context: &mut Context<'_>) -> Poll<()> {
        let key = Key { index, serial };
        let Some(link) = self.link(key) else {
            return Poll::Ready(());
        };
        if !link.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            link.waker = Some(context.waker().clone());
        }
        self.update_clock();
        // What was emitted before the client says something comes before its answer.
        self.settle();
        self.flush_link(index);
        if let Some(head) = head {
            self.link_input(key, &head);
            self.admit_waiting();
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let began = clock::micros();
        let poll = loop {
            let Some(connection) = self.link(key).map(|link| link.connection) else {
                break Poll::Ready(());
            };
            if connection.is_some_and(|connection| !self.may_read(connection)) {
                break Poll::Pending;
            }
            if clock::micros() > began + TURN {
                context.waker().wake_by_ref();
                break Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            let link = &mut self.links[index as usize];
            match std::pin::Pin::new(&mut *link.stream).poll_read(context, &mut buffer) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let length = buffer.filled().len();
                    link.server.counters(self.index).bytes_in.add(length as u64);
                    self.link_input(key, &scratch[..length]);
                    self.admit_waiting();
                }
                Poll::Ready(_) => {
                    self.lose_link(key);
                    break Poll::Ready(());
                }
            }
        };
        self.scratch = scratch;
        // Answers to what many ask at once leave together with the next pass; behind a long one they do not wait.
        let own = self.link(key).and_then(|link| link.connection).filter(|_| self.dirty.len() > FLUSH_STEP);
        if let Some(own) = own
            && self.connection(own).is_some_and(|connection| !connection.held)
        {
            self.flush(own);
        }
        if !self.dirty.is_empty() {
            self.mailbox.nudge();
        }
        poll
    }

    fn link_input(&mut self, key: Key, bytes: &[u8]) {
        let Some(link) = self.link(key) else { return };
        if link.phase != Phase::Live {
            link.drained += bytes.len();
            if link.drained > DRAIN {
                return self.remove_link(key.index);
            }
        }
        if link.phase == (Phase::Closing { finish: true }) {
            return;
        }
        let connection = link.connection;
        match (link.socket.inspect(bytes), connection) {
            (Err(violation), _) => return self.violation(key, violation),
            (Ok(pieces), Some(connection)) => self.charge_input(connection, bytes.len(), pieces),
            (Ok(_), None) => {}
        }
        let mut input = bytes;
        loop {
            let Some(link) = self.link(key).filter(|link| link.phase != Phase::Closing { finish: true }) else {
                return;
            };
            let (connection, channel) = (link.connection, link.channel);
            match link.socket.next(&mut input) {
                Ok(None) => return,
                Ok(Some(websocket::Incoming::Text(text))) => {
                    if let Some(connection) = connection {
                        self.packet(connection, channel, Packet::decode(&text));
                    }
                }
                Ok(Some(websocket::Incoming::Binary(data))) => {
                    if let Some(connection) = connection {
                        self.packet(connection, channel, Packet::Binary(data));
                    }
                }
                Ok(Some(websocket::Incoming::Ping(pong))) => self.pong(key, pong),
                Ok(Some(websocket::Incoming::Close(reply))) => return self.peer_closes(key, reply),
                Err(violation) => return self.violation(key, violation),
            }
        }
    }

    fn pong(&mut self, key: Key, pong: Bytes) {
        let Some(link) = self.link(key) else { return };
        if link.phase != Phase::Live {
            return;
        }
        let connection = link.connection;
        if connection.is_some_and(|connection| !self.may_chatter(connection)) {
            return;
        }
        let Some(link) = self.link(key) else { return };
        match link.connection {
            Some(connection) if link.channel == Channel::Main => {
                self.connections[connection.index as usize].outbox.push_urgent_raw(pong);
                self.touch(connection);
            }
            _ => {
                link.tail.push_raw(pong);
                self.flush_link(key.index);
            }
        }
    }

    /// The client closes, or has answered our close frame.
    fn peer_closes(&mut self, key: Key, reply: Bytes) {
        self.last_words(key, reply, Reason::TransportClose);
    }

    fn violation(&mut self, key: Key, violation: Violation) {
        let Some(link) = self.link(key) else { return };
        match violation.kind {
            ViolationKind::Size => link.server.refusals.size.add(1),
            ViolationKind::Fragments => link.server.refusals.fragments.add(1),
            ViolationKind::Protocol => {}
        }
        self.last_words(key, violation.close, Reason::TransportError);
    }

    /// A close frame of ours, behind what waits: a frame may be half written.
    fn last_words(&mut self, key: Key, close: Bytes, reason: Reason) {
        let Some(link) = self.link(key) else { return };
        if link.phase != Phase::Live {
            return self.remove_link(key.index);
        }
        let own = link.connection.filter(|_| link.channel == Channel::Main);
        let mut rest = match own {
            Some(own) => std::mem::take(&mut self.connections[own.index as usize].outbox),
            None => Outbox::default(),
        };
        rest.push_raw(close);
        self.detach(key, rest, true, reason);
    }

    /// Parts a link from its connection, which loses its transport; the link writes `rest` and ends.
    fn detach(&mut self, key: Key, rest: Outbox, finish: bool, reason: Reason) {
        let Some(link) = self.link(key) else { return };
        link.phase = Phase::Closing { finish };
        link.push_tail(rest);
        let (connection, channel) = (link.connection.take(), link.channel);
        self.linger(key.index);
        self.part(connection, channel, reason);
        self.flush_link(key.index);
    }

    fn part(&mut self, connection: Option<Key>, channel: Channel, reason: Reason) {
        let Some(key) = connection else { return };
        let Some(connection) = self.connection(key) else {
            return;
        };
        match channel {
            Channel::Main => {
                connection.link = None;
                self.with_engine(key, |engine, effects| engine.lost(reason, effects));
            }
            Channel::Probe => {
                connection.probe = None;
                connection.engine.probe_closed();
            }
        }
    }

    /// The stream has ended or broken.
    fn lose_link(&mut self, key: Key) {
        let Some(link) = self.link(key) else { return };
        let (connection, channel) = (link.connection.take(), link.channel);
        self.remove_link(key.index);
        self.part(connection, channel, Reason::TransportClose);
    }

    /// An internal error: this one connection ends.
    fn fail_link(&mut self, key: Key) {
        if self.scratch.is_empty() {
            self.scratch = vec![0; SCRATCH];
        }
        let Some(link) = self.link(key) else { return };
        let (connection, channel) = (link.connection.take(), link.channel);
        self.remove_link(key.index);
        self.part(connection, channel, Reason::Internal);
    }

    /// Sends a close frame behind `rest` and what the link has still to write. `finish`: without waiting for an answer.
    pub(super) fn close_link(&mut self, index: u32, rest: Outbox, code: Option<u16>, finish: bool) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        link.connection = None;
        link.push_tail(rest);
        link.tail.push_raw(frame::close(code, ""));
        link.phase = Phase::Closing { finish };
        self.linger(index);
        self.flush_link(index);
    }

    fn linger(&mut self, index: u32) {
        let key = Key { index, serial: self.links[index as usize].serial };
        self.timers.add(self.now + Config::LINGER.as_millis() as u64, Timer::Link(key));
    }

    pub(super) fn send_on_link(&mut self, index: u32, frame: Frame) {
        if let Some(link) = self.links.get_mut(index as usize) {
            link.tail.push(frame);
            self.flush_link(index);
        }
    }

    pub(super) fn wake_link(&mut self, index: u32) {
        if let Some(waker) = self.links.get(index as usize).and_then(|link| link.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// Writes what waits: the connection's outbox if this link is its transport, its own tail otherwise. Before the
    /// link's task has run once there is nobody to wake, and the task will come here itself.
    pub(super) fn flush_link(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        let Some(waker) = link.waker.clone() else {
            return;
        };
        let mut context = Context::from_waker(&waker);
        let own = link.connection.filter(|_| link.channel == Channel::Main);
        let own = own.and_then(|key| self.connections.get_mut(key.index as usize));
        let mut tally = Tally::default();
        let written = match own {
            Some(connection) => {
                let written = connection.outbox.write(&mut *link.stream, &mut context, &mut self.joiner, &mut tally);
                connection.held = false;
                connection.blocked = matches!(written, Ok(Written::Blocked));
                written
            }
            None => link.tail.write(&mut *link.stream, &mut context, &mut self.joiner, &mut tally),
        };
        link.server.counters(self.index).wrote(&tally);
        let key = Key { index, serial: link.serial };
        match (written, link.phase) {
            (Err(_), _) => self.lose_link(key),
            (Ok(Written::All), Phase::Closing { finish: true }) => {
                // No more to say: the client sees the end, and its own end ends the link.
                let _ = std::pin::Pin::new(&mut *link.stream).poll_shutdown(&mut context);
            }
            _ => {}
        }
    }

    pub(super) fn remove_link(&mut self, index: u32) {
        if let Some(link) = self.links.try_remove(index as usize) {
            link.server.counters(self.index).dropped_closed.add(link.tail.packets() as u64);
            self.count(link.server.id, -1);
            if let Some(waker) = link.waker {
                waker.wake();
            }
        }
    }

    pub(super) fn drop_link(&mut self, key: Key) {
        if self.link(key).is_some_and(|link| link.phase != Phase::Live) {
            self.remove_link(key.index);
        }
    }

    pub(super) fn drop_links(&mut self, server: u32) {
        let indices: Vec<u32> =
            self.links.iter().filter(|(_, link)| link.server.id == server).map(|(index, _)| index as u32).collect();
        indices.into_iter().for_each(|index| self.remove_link(index));
    }
}

impl Link {
    /// Queues what a connection had still to send, behind what this link began to write of it.
    fn push_tail(&mut self, rest: Outbox) {
        if self.tail.is_empty() {
            self.tail = rest;
        } else {
            self.tail.append(rest);
        }
    }
}
