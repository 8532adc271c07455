//! The Engine.IO 4 session (socketio/engine.io-protocol): transports, upgrade, heartbeat, close. It owns no outgoing
//! packets: the outbox does, and this machine says when and by which way they may leave.

use bytes::Bytes;

use super::Millis;
use crate::error::Reason;
use crate::protocol::engine::Packet;

/// Lateness of a timer that is still counted as punctual, in milliseconds.
const TIMER_SLACK: Millis = 20;

/// How the session's packets travel now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

/// Which of a session's connections a packet came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The transport in use.
    Main,
    /// The WebSocket that an upgrade is trying out.
    Probe,
}

/// The durations of a session, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From a pong to the next ping.
    pub ping_interval: u64,
    /// From a ping to the latest pong.
    pub ping_timeout: u64,
    /// From an upgrade's begin to its latest end.
    pub upgrade_timeout: u64,
    /// How long a closed polling session keeps what was not fetched.
    pub close_timeout: u64,
}

/// The answer to a polling request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// 200 with all that waits in the outbox.
    Flush,
    /// 200 `6`
    Noop,
    /// 200 `1`
    Close,
    /// 200 `6`, `1`
    NoopClose,
    /// 200 `ok`, to a POST
    Ok,
    /// 400, empty
    BadRequest,
    /// 413, empty
    TooLarge,
    /// 500, empty
    NotAllowed,
    /// No answer: the request's connection is destroyed.
    Cut,
}

/// What the session wants done. `T` answers one HTTP request.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<T> {
    /// Answer a polling request.
    Reply(T, Reply),
    /// Send a ping, ahead of everything that waits.
    Ping,
    /// Send `3probe` on the probing WebSocket.
    ProbePong,
    /// Close the probing WebSocket, which takes no part any more.
    CloseProbe,
    /// The probing WebSocket is the transport from now on; what waits leaves by it.
    Upgraded,
    /// Close the WebSocket transport behind what waits.
    CloseWebSocket,
    /// The session is over: its sockets are disconnected for this reason. Comes once.
    Closed(Reason),
    /// Nothing may be asked of the session any more; forget it.
    Gone,
}

/// A message for the Socket.IO layer.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, without the Engine.IO type.
    Text(&'a str),
    /// Binary.
    Binary(Bytes),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Closed, but a polling client has still to fetch what waits for it.
    Closing {
        until: Millis,
    },
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upgrade {
    None,
    Trying { until: Millis, probed: bool },
}

#[derive(Debug)]
struct Request<T> {
    id: u64,
    answer: T,
}

#[derive(Debug)]
struct Post<T> {
    request: Request<T>,
    /// The whole body is there; the answer waits only for its packets to be taken in.
    received: bool,
}

/// One Engine.IO session. Times come in as arguments; [`Engine::deadline`] says when to call [`Engine::tick`].
#[derive(Debug)]
pub struct Engine<T> {
    timing: Timing,
    state: State,
    transport: Transport,
    upgrade: Upgrade,
    upgraded: bool,
    poll: Option<Request<T>>,
    post: Option<Post<T>>,
    ping_at: Option<Millis>,
    pong_by: Option<Millis>,
    pong_extended: bool,
}

impl<T> Engine<T> {
    /// A session that opens now. The open packet is the caller's to send.
    pub fn new(transport: Transport, timing: Timing, now: Millis) -> Self {
        Self {
            timing,
            state: State::Open,
            transport,
            upgrade: Upgrade::None,
            upgraded: false,
            poll: None,
            post: None,
            ping_at: Some(now + timing.ping_interval),
            pong_by: None,
            pong_extended: false,
        }
    }

    /// Its state, as Engine.IO names it.
    pub fn ready_state(&self) -> &'static str {
        match self.state {
            State::Open => "open",
            State::Closing { .. } => "closing",
            State::Closed => "closed",
        }
    }

    /// Whether a WebSocket is being tried out, and whether one took over.
    pub fn upgrade_state(&self) -> (bool, bool) {
        (self.upgrade != Upgrade::None, self.upgraded)
    }

    /// Whether a POST is on its way.
    pub fn has_post(&self) -> bool {
        self.post.is_some()
    }

    /// The transport in use.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether packets are still taken in and sent.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether a polling request waits for packets.
    pub fn has_poll(&self) -> bool {
        self.poll.is_some()
    }

    /// Takes the waiting polling request, to answer it with what is in the outbox.
    pub fn take_poll(&mut self) -> Option<T> {
        self.poll.take().map(|request| request.answer)
    }

    /// The next time at which something happens by itself.
    pub fn deadline(&self) -> Option<Millis> {
        let upgrade = match self.upgrade {
            Upgrade::Trying { until, .. } => Some(until),
            Upgrade::None => None,
        };
        match self.state {
            State::Open => [self.ping_at, self.pong_by, upgrade].into_iter().flatten().min(),
            State::Closing { until } => Some(until),
            State::Closed => None,
        }
    }

    /// Does what is due: ping, ping timeout, upgrade timeout, end of a closed polling session.
    pub fn tick(&mut self, now: Millis, effects: &mut Vec<Effect<T>>) {
        match self.state {
            State::Closed => return,
            State::Closing { until } => {
                if until <= now {
                    self.finish(effects);
                }
                return;
            }
            State::Open => {}
        }
        if self.pong_by.is_some_and(|at| at <= now) {
            return self.end(Reason::PingTimeout, effects);
        }
        if let Some(at) = self.ping_at.take_if(|at| *at <= now) {
            // A timer that fires a little late must not add up; a stalled machine is not the client's fault, nor may
            // lateness eat up a short timeout.
            let slack = TIMER_SLACK.min(self.timing.ping_timeout / 2);
            let sent = if now - at <= slack { at } else { now };
            self.pong_by = Some(sent + self.timing.ping_timeout);
            self.pong_extended = false;
            effects.push(Effect::Ping);
        }
        if matches!(self.upgrade, Upgrade::Trying { until, .. } if until <= now) {
            self.upgrade = Upgrade::None;
            effects.push(Effect::CloseProbe);
        }
    }

    /// The connection's owner could not read for a while: give the client its whole timeout again.
    pub fn forgive(&mut self, now: Millis) {
        if self.pong_by.is_some() {
            self.pong_by = Some(now + self.timing.ping_timeout);
        }
    }

    /// One packet from the client. Returns the message in it, if it carries one.
    pub fn packet<'a>(
        &mut self,
        now: Millis,
        channel: Channel,
        packet: Packet<'a>,
        effects: &mut Vec<Effect<T>>,
    ) -> Option<Message<'a>> {
        if channel == Channel::Probe && self.transport == Transport::Polling {
            self.probe_packet(packet, effects);
            return None;
        }
        if self.state != State::Open {
            return None;
        }
        if packet != Packet::Pong && self.pong_by.is_some() && !self.pong_extended {
            self.pong_by = Some(now + self.timing.ping_timeout);
            self.pong_extended = true;
        }
        match packet {
            Packet::Text(text) => return Some(Message::Text(text)),
            Packet::Binary(data) => return Some(Message::Binary(data)),
            Packet::Pong => {
                self.pong_by = None;
                self.ping_at = Some(now + self.timing.ping_interval);
            }
            Packet::Ping(_) => self.end(Reason::TransportError, effects),
            Packet::Invalid => self.end(Reason::ParseError, effects),
            Packet::Close => {
                if let Some(answer) = self.take_poll() {
                    effects.push(Effect::Reply(answer, Reply::Noop));
                }
                self.end(Reason::TransportClose, effects);
            }
            Packet::Open | Packet::Upgrade | Packet::Noop => {}
        }
        None
    }

    /// The upgrade handshake: `2probe` → `3probe`, `5` switches, anything else ends the attempt alone.
    fn probe_packet(&mut self, packet: Packet<'_>, effects: &mut Vec<Effect<T>>) {
        let Upgrade::Trying { until, .. } = self.upgrade else {
            return;
        };
        match packet {
            Packet::Ping("probe") => {
                self.upgrade = Upgrade::Trying { until, probed: true };
                effects.push(Effect::ProbePong);
                if let Some(answer) = self.take_poll() {
                    effects.push(Effect::Reply(answer, Reply::Noop));
                }
            }
            Packet::Upgrade if self.state != State::Closed => {
                self.upgrade = Upgrade::None;
                self.upgraded = true;
                self.release_requests(effects);
                self.transport = Transport::WebSocket;
                effects.push(Effect::Upgraded);
                if let State::Closing { .. } = self.state {
                    effects.push(Effect::CloseWebSocket);
                    self.finish(effects);
                }
            }
            _ => {
                self.upgrade = Upgrade::None;
                effects.push(Effect::CloseProbe);
            }
        }
    }

    /// A WebSocket with this session's id has come. False: it must be closed, the session goes on without it.
    pub fn probe(&mut self, now: Millis) -> bool {
        let may = self.state == State::Open
            && self.transport == Transport::Polling
            && self.upgrade == Upgrade::None
            && !self.upgraded;
        if may {
            self.upgrade = Upgrade::Trying { until: now + self.timing.upgrade_timeout, probed: false };
        }
        may
    }

    /// The probing WebSocket is gone.
    pub fn probe_closed(&mut self) {
        self.upgrade = Upgrade::None;
    }

    /// A GET. `ready`: something waits in the outbox and may leave.
    pub fn get(&mut self, id: u64, answer: T, ready: bool, effects: &mut Vec<Effect<T>>) {
        if let Some(pending) = self.take_poll() {
            effects.push(Effect::Reply(pending, Reply::Close));
            effects.push(Effect::Reply(answer, Reply::BadRequest));
            return self.end(Reason::TransportError, effects);
        }
        if ready {
            effects.push(Effect::Reply(answer, Reply::Flush));
        } else if matches!(self.state, State::Closing { .. }) {
            effects.push(Effect::Reply(answer, Reply::NoopClose));
            self.finish(effects);
        } else if matches!(self.upgrade, Upgrade::Trying { probed: true, .. }) {
            effects.push(Effect::Reply(answer, Reply::Noop));
        } else {
            self.poll = Some(Request { id, answer });
        }
    }

    /// A POST's head. `binary`: its content type is `application/octet-stream`, which Engine.IO 4 does not know.
    pub fn post(&mut self, id: u64, answer: T, binary: bool, effects: &mut Vec<Effect<T>>) {
        if let Some(first) = self.post.take() {
            effects.push(Effect::Reply(first.request.answer, Reply::Cut));
            effects.push(Effect::Reply(answer, Reply::BadRequest));
            return self.end(Reason::TransportError, effects);
        }
        if binary {
            effects.push(Effect::Reply(answer, Reply::BadRequest));
            return self.end(Reason::TransportError, effects);
        }
        self.post = Some(Post { request: Request { id, answer }, received: false });
    }

    /// A POST's body is whole; its packets follow, then [`Engine::post_taken`]. False: nobody waits for it any more.
    pub fn post_received(&mut self, id: u64) -> bool {
        match &mut self.post {
            Some(post) if post.request.id == id && !post.received => {
                post.received = true;
                true
            }
            _ => false,
        }
    }

    /// The packets of the POST are taken in: it is answered.
    pub fn post_taken(&mut self, effects: &mut Vec<Effect<T>>) {
        if let Some(post) = self.post.take() {
            effects.push(Effect::Reply(post.request.answer, Reply::Ok));
        }
    }

    /// A POST's body is too large. The session survives.
    pub fn post_too_large(&mut self, id: u64, effects: &mut Vec<Effect<T>>) {
        if self.post.as_ref().is_some_and(|post| post.request.id == id) {
            let post = self.post.take().expect("just seen");
            effects.push(Effect::Reply(post.request.answer, Reply::TooLarge));
        }
    }

    /// The client gave up a request before its answer.
    pub fn aborted(&mut self, id: u64, effects: &mut Vec<Effect<T>>) {
        if self.poll.as_ref().is_some_and(|poll| poll.id == id) {
            self.poll = None;
            self.end(Reason::TransportError, effects);
        } else if self.post.as_ref().is_some_and(|post| post.request.id == id && !post.received) {
            self.post = None;
            self.end(Reason::TransportError, effects);
        }
    }

    /// The WebSocket transport is gone.
    pub fn lost(&mut self, reason: Reason, effects: &mut Vec<Effect<T>>) {
        self.end(reason, effects);
    }

    /// Closes the session behind what waits in the outbox: a polling client may fetch it for a while. `empty`: nothing
    /// waits.
    pub fn close(&mut self, now: Millis, reason: Reason, empty: bool, effects: &mut Vec<Effect<T>>) {
        if self.state != State::Open {
            return;
        }
        if self.transport == Transport::WebSocket || (empty && self.has_poll()) {
            return self.end(reason, effects);
        }
        if let Some(post) = self.post.take_if(|post| !post.received) {
            effects.push(Effect::Reply(post.request.answer, Reply::Cut));
        }
        self.state = State::Closing { until: now + self.timing.close_timeout };
        effects.push(Effect::Closed(reason));
    }

    /// Ends the session at once.
    pub fn end(&mut self, reason: Reason, effects: &mut Vec<Effect<T>>) {
        let was = self.state;
        if was == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.release_requests(effects);
        if self.transport == Transport::WebSocket {
            effects.push(Effect::CloseWebSocket);
        }
        if was == State::Open {
            effects.push(Effect::Closed(reason));
        }
        self.finish(effects);
    }

    fn release_requests(&mut self, effects: &mut Vec<Effect<T>>) {
        if let Some(answer) = self.take_poll() {
            effects.push(Effect::Reply(answer, Reply::Close));
        }
        if let Some(post) = self.post.take() {
            effects.push(Effect::Reply(post.request.answer, if post.received { Reply::Ok } else { Reply::Cut }));
        }
    }

    fn finish(&mut self, effects: &mut Vec<Effect<T>>) {
        self.state = State::Closed;
        self.release_requests(effects);
        if self.upgrade != Upgrade::None {
            self.upgrade = Upgrade::None;
            effects.push(Effect::CloseProbe);
        }
        effects.push(Effect::Gone);
    }
}

#[cfg(test)]
mod tests;
