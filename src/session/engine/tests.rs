//! The session state machine by its effects and deadlines, to the millisecond.

mod closing;
mod heartbeat;
mod packets;
mod polling;
mod upgrade;

use super::*;

use Effect::{CloseProbe, CloseWebSocket, Closed, Gone, Ping, ProbePong, Reply as Answered, Upgraded};

type Fx = Vec<Effect<&'static str>>;

const TIMING: Timing = Timing { ping_interval: 300, ping_timeout: 200, upgrade_timeout: 10_000, close_timeout: 30_000 };

/// A session that opened at 1000, with the effects of each step.
struct Session {
    engine: Engine<&'static str>,
    now: Millis,
}

impl Session {
    fn new(transport: Transport) -> Self {
        Self { engine: Engine::new(transport, TIMING, 1000), now: 1000 }
    }

    fn polling() -> Self {
        Self::new(Transport::Polling)
    }

    fn websocket() -> Self {
        Self::new(Transport::WebSocket)
    }

    /// A polling session whose upgrade has come to `3probe`, with nothing pending.
    fn probed() -> Self {
        let mut session = Self::polling();
        assert!(session.engine.probe(session.now));
        assert_eq!(session.probe("2probe"), [ProbePong]);
        session
    }

    fn upgraded() -> Self {
        let mut session = Self::probed();
        assert_eq!(session.probe("5"), [Upgraded]);
        session
    }

    fn run(&mut self, step: impl FnOnce(&mut Engine<&'static str>, Millis, &mut Fx)) -> Fx {
        let mut effects = Vec::new();
        step(&mut self.engine, self.now, &mut effects);
        effects
    }

    fn at(&mut self, now: Millis) -> Fx {
        self.now = now;
        self.run(|engine, now, fx| engine.tick(now, fx))
    }

    fn get(&mut self, token: &'static str, ready: bool) -> Fx {
        self.run(|engine, _, fx| engine.get(id(token), token, ready, fx))
    }

    fn post(&mut self, token: &'static str) -> Fx {
        self.run(|engine, _, fx| engine.post(id(token), token, false, fx))
    }

    fn aborted(&mut self, token: &'static str) -> Fx {
        self.run(|engine, _, fx| engine.aborted(id(token), fx))
    }

    /// A packet that carries no message.
    fn packet(&mut self, text: &'static str) -> Fx {
        self.run(|engine, now, fx| {
            let message = engine.packet(now, Channel::Main, Packet::decode(text), fx);
            assert_eq!(message, None, "{text}");
        })
    }

    fn probe(&mut self, text: &'static str) -> Fx {
        self.run(|engine, now, fx| {
            let message = engine.packet(now, Channel::Probe, Packet::decode(text), fx);
            assert_eq!(message, None, "{text}");
        })
    }

    fn message(&mut self, text: &'static str) -> Option<Message<'static>> {
        let mut message = None;
        let effects = self.run(|engine, now, fx| {
            message = engine.packet(now, Channel::Main, Packet::decode(text), fx);
        });
        assert_eq!(effects, []);
        message
    }

    fn close(&mut self, empty: bool) -> Fx {
        self.run(|engine, now, fx| engine.close(now, Reason::ForcedClose, empty, fx))
    }

    fn is_silent(&mut self) {
        assert_eq!(self.engine.deadline(), None);
        for later in [0, 1, 500, 100_000] {
            assert_eq!(self.at(self.now + later), []);
        }
    }
}

/// Requests are told apart by a number: here, by the token's letters.
fn id(token: &str) -> u64 {
    token.bytes().fold(0, |id, byte| id * 256 + u64::from(byte))
}
