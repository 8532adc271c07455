//! Drives one session, Engine.IO and Socket.IO, by any sequence of steps as its shard would, and checks after each of
//! them what must always hold. The property tests and the fuzz target share it.

#[path = "steps.rs"]
mod steps;

use std::collections::HashMap;

use nself_realtime::error::Reason;
use nself_realtime::protocol::engine::{Packet, decode_payload};
use nself_realtime::session::Millis;
use nself_realtime::session::engine::{Channel, Effect, Engine, Message, Reply, Timing, Transport};
use nself_realtime::session::socket::{Input, Sockets};

pub use self::steps::Step;
use self::steps::payload;

/// The timer slack that the session grants itself.
const SLACK: Millis = 20;
const MAX_MESSAGE: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Get,
    Post,
    /// Given up by its client; a last answer reaches nobody.
    Abandoned,
    /// Answered.
    Over,
}

/// A session and all that is known of it from outside.
pub struct Driver {
    engine: Engine<u32>,
    sockets: Sockets<u32>,
    timing: Timing,
    now: Millis,
    requests: HashMap<u32, Request>,
    next_request: u32,
    next_socket: u32,
    post: Option<u32>,
    waiting: usize,
    probing: bool,
    websocket: bool,
    pinged: Option<Millis>,
    closed: Option<Reason>,
    gone: bool,
}

/// Runs a sequence of steps; panics where something is not as it must be. Returns whether the session reached its end.
pub fn run(websocket: bool, timing: Timing, steps: impl IntoIterator<Item = Step>) -> bool {
    let mut driver = Driver::new(websocket, timing);
    for step in steps {
        driver.step(step);
        driver.check();
        if driver.gone {
            driver.rests();
            return true;
        }
    }
    false
}

impl Driver {
    fn new(websocket: bool, timing: Timing) -> Self {
        let transport = if websocket { Transport::WebSocket } else { Transport::Polling };
        Self {
            engine: Engine::new(transport, timing, 0),
            sockets: Sockets::new(45_000, MAX_MESSAGE, 10),
            timing,
            now: 0,
            requests: HashMap::new(),
            next_request: 0,
            next_socket: 0,
            post: None,
            waiting: 0,
            probing: false,
            websocket,
            pinged: None,
            closed: None,
            gone: false,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Wait(time) => self.wait(Millis::from(time)),
            Step::Stall(time) => {
                self.now += Millis::from(time);
                self.tick();
            }
            Step::Get if !self.websocket => {
                let (id, ready) = (self.request(Request::Get), self.waiting > 0);
                self.with(|engine, fx| engine.get(u64::from(id), id, ready, fx));
            }
            Step::Post(binary) if !self.websocket => {
                let id = self.request(Request::Post);
                self.post = Some(id);
                self.with(|engine, fx| engine.post(u64::from(id), id, binary, fx));
            }
            Step::Body(payload, waits) => self.body(payload, waits),
            Step::Taken => self.with(Engine::post_taken),
            Step::TooLarge => {
                if let Some(id) = self.post.take() {
                    self.with(|engine, fx| engine.post_too_large(u64::from(id), fx));
                }
            }
            Step::Abort(which) if self.next_request > 0 => {
                let id = u32::from(which) % self.next_request;
                self.post = self.post.filter(|post| *post != id);
                self.with(|engine, fx| engine.aborted(u64::from(id), fx));
                let request = self.requests.entry(id);
                request.and_modify(|request| {
                    if *request != Request::Over {
                        *request = Request::Abandoned;
                    }
                });
            }
            Step::Packet(which) if self.websocket => {
                for packet in payload(which).split('\x1e') {
                    self.packet(Channel::Main, Packet::decode(packet));
                }
            }
            Step::Probe => {
                let attached = self.probing;
                if self.engine.probe(self.now) {
                    assert!(!attached && !self.websocket && self.closed.is_none());
                    self.probing = true;
                }
            }
            Step::ProbePacket(which) if self.probing => {
                let packet = payload(which).split('\x1e').next().unwrap_or_default();
                self.packet(Channel::Probe, Packet::decode(packet));
            }
            Step::ProbeLost if self.probing => {
                self.probing = false;
                self.engine.probe_closed();
            }
            Step::Lost if self.websocket => {
                self.with(|engine, fx| engine.lost(Reason::TransportClose, fx));
                assert!(self.gone, "no session without a transport");
            }
            Step::Emit if self.closed.is_none() => {
                self.waiting += 1;
                self.flush();
            }
            Step::Close => {
                let (now, empty) = (self.now, self.waiting == 0);
                self.with(|engine, fx| engine.close(now, Reason::ForcedClose, empty, fx));
                self.flush();
            }
            Step::End => {
                self.with(|engine, fx| engine.end(Reason::ServerShutdown, fx));
                assert!(self.gone);
            }
            Step::Forgive => {
                self.engine.forgive(self.now);
                self.pinged = self.pinged.map(|_| self.now);
            }
            _ => {}
        }
    }

    fn wait(&mut self, time: Millis) {
        let until = self.now + time;
        while let Some(at) = self.engine.deadline().filter(|at| *at <= until) {
            assert!(at > self.now, "a deadline in the past");
            self.now = at;
            self.tick();
        }
        self.now = until;
    }

    fn tick(&mut self) {
        let now = self.now;
        self.with(|engine, fx| engine.tick(now, fx));
        if let Some(at) = self.engine.deadline() {
            assert!(at > now, "due at {at}, ticked at {now}");
        }
        if self.sockets.is_late(now) {
            let empty = self.waiting == 0;
            self.with(|engine, fx| engine.close(now, Reason::ForcedClose, empty, fx));
        }
    }

    fn body(&mut self, which: u8, waits: bool) {
        let Some(id) = self.post.take() else { return };
        if !self.engine.post_received(u64::from(id)) {
            return;
        }
        for packet in decode_payload(payload(which)) {
            self.packet(Channel::Main, packet);
        }
        if !waits {
            self.with(Engine::post_taken);
        }
    }

    fn packet(&mut self, channel: Channel, packet: Packet<'static>) {
        if self.gone {
            return;
        }
        let pong = packet == Packet::Pong && (channel == Channel::Main || self.websocket);
        let (now, open) = (self.now, self.closed.is_none());
        let mut effects = Vec::new();
        let message = self.engine.packet(now, channel, packet, &mut effects);
        if pong && open {
            self.pinged = None;
        }
        assert!(message.is_none() || open, "a message after the end");
        assert!(message.is_none() || effects.is_empty());
        self.apply(effects);
        match message {
            Some(Message::Text(text)) => {
                let input = self.sockets.text(text);
                self.input(input);
            }
            Some(Message::Binary(data)) => {
                let input = self.sockets.binary(data);
                self.input(input);
            }
            None => {}
        }
    }

    fn input(&mut self, input: Input<'_, u32>) {
        match input {
            Input::Connect { nsp, auth, instead } => {
                if let Some(before) = instead {
                    self.sockets.remove(before);
                }
                assert!(nsp.starts_with('/'));
                assert!(auth.is_none_or(|auth| auth.trim_start().starts_with('{')));
                let socket = self.next_socket;
                self.next_socket += 1;
                self.sockets.ask(nsp.into(), socket);
                if nsp != "/b" {
                    self.sockets.join(socket);
                    assert_eq!(self.sockets.deadline(), None);
                }
                self.step(Step::Emit);
            }
            Input::Event { socket, data, attachments, .. } => {
                assert!(self.sockets.iter().any(|known| known == socket));
                assert!(data.starts_with('[') && attachments.len() <= 10);
            }
            Input::Ack { socket, id, .. } => {
                assert!(self.sockets.iter().any(|known| known == socket) && id >= 0.0);
            }
            Input::Leave { socket } => self.sockets.remove(socket),
            Input::Nothing => {}
            Input::Unreadable(_) | Input::Refused(_) | Input::OverLimit => self.step(Step::Close),
        }
    }

    fn request(&mut self, kind: Request) -> u32 {
        let id = self.next_request;
        self.next_request += 1;
        self.requests.insert(id, kind);
        id
    }

    /// What the shard does with its outbox.
    fn flush(&mut self) {
        if self.websocket {
            self.waiting = 0;
        } else if self.waiting > 0
            && let Some(id) = self.engine.take_poll()
        {
            self.answered(id, Reply::Flush);
        }
    }

    fn with(&mut self, step: impl FnOnce(&mut Engine<u32>, &mut Vec<Effect<u32>>)) {
        let mut effects = Vec::new();
        step(&mut self.engine, &mut effects);
        self.apply(effects);
    }

    fn apply(&mut self, effects: Vec<Effect<u32>>) {
        for effect in effects {
            assert!(!self.gone, "{effect:?} after the end");
            match effect {
                Effect::Reply(id, reply) => self.answered(id, reply),
                Effect::Ping => {
                    assert_eq!(self.closed, None);
                    assert_eq!(self.pinged, None, "a ping while one is open");
                    self.pinged = Some(self.now);
                    self.waiting += 1;
                    self.flush();
                }
                Effect::ProbePong => assert!(self.probing && !self.websocket),
                Effect::CloseProbe => {
                    assert!(self.probing);
                    self.probing = false;
                }
                Effect::Upgraded => {
                    assert!(self.probing && !self.websocket);
                    (self.probing, self.websocket) = (false, true);
                    self.flush();
                }
                Effect::CloseWebSocket => assert!(self.websocket),
                Effect::Closed(reason) => {
                    assert_eq!(self.closed, None, "closed twice");
                    self.closed = Some(reason);
                    if reason == Reason::PingTimeout {
                        let pinged = self.pinged.expect("a ping has been sent");
                        assert!(self.now + SLACK >= pinged + self.timing.ping_timeout);
                    }
                }
                Effect::Gone => {
                    assert!(self.closed.is_some() && !self.probing);
                    self.gone = true;
                }
            }
        }
    }

    fn answered(&mut self, id: u32, reply: Reply) {
        let request = self.requests.insert(id, Request::Over);
        let fits = request == Some(Request::Abandoned)
            || match reply {
                Reply::Flush | Reply::Noop | Reply::Close | Reply::NoopClose => request == Some(Request::Get),
                Reply::Ok | Reply::TooLarge | Reply::Cut => request == Some(Request::Post),
                Reply::BadRequest => matches!(request, Some(Request::Get | Request::Post)),
                Reply::NotAllowed => false,
            };
        assert!(fits, "{reply:?} to {request:?}");
        if reply == Reply::Flush {
            assert!(self.waiting > 0);
            self.waiting = 0;
        }
        if self.post == Some(id) {
            self.post = None;
        }
    }

    fn check(&self) {
        let open = self.closed.is_none();
        assert_eq!(self.engine.is_open(), open);
        assert_eq!(self.engine.deadline().is_none(), self.gone);
        assert_eq!(self.engine.transport() == Transport::WebSocket, self.websocket);
        let pending = |kind| {
            let requests = self.requests.values();
            requests.filter(|request| **request == kind).count()
        };
        assert_eq!(pending(Request::Get), usize::from(self.engine.has_poll()));
        assert!(pending(Request::Post) <= 1);
        if self.gone {
            assert_eq!(pending(Request::Get) + pending(Request::Post), 0);
        }
        if open {
            // A silent client is found out: by a ping within the interval, or an open ping's end.
            let Timing { ping_interval, ping_timeout, .. } = self.timing;
            let latest = if self.pinged.is_some() { ping_timeout } else { ping_interval };
            assert!(self.engine.deadline() <= Some(self.now + latest));
            if let Some(pinged) = self.pinged {
                assert!(self.engine.deadline() <= Some(pinged + 2 * ping_timeout), "extended more than once");
            }
        }
        let mut sockets: Vec<u32> = self.sockets.iter().collect();
        let count = sockets.len();
        sockets.dedup();
        assert_eq!(sockets.len(), count);
    }

    /// Nothing happens by itself after the end.
    fn rests(mut self) {
        for _ in 0..3 {
            self.now += 50_000;
            let now = self.now;
            self.with(|engine, fx| engine.tick(now, fx));
            self.with(|engine, fx| engine.end(Reason::Internal, fx));
        }
    }
}
