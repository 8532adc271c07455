//! HTTP long-polling: requests that name a session, and their answers.

use std::sync::Arc;

use bytes::Bytes;

use super::Core;
use super::effect::{Answer, Effect, Respond};
use super::input::SessionRequest;
use crate::guard::gate::Seat;
use crate::hub::context::{Context, State};
use crate::hub::ids::Id;
use crate::protocol::engine;
use crate::session::engine::{Channel, Engine, Transport};
use crate::session::handshake::{Refusal, Request};

impl Core {
    fn reply(&mut self, respond: Respond, answer: Answer) {
        self.effects.push(Effect::Reply(respond, answer));
    }

    /// A handshake: the open packet is its answer.
    pub(super) fn open_polling(&mut self, server: Arc<Context>, request: &Request, seat: Seat, respond: Respond) {
        if server.state() != State::Open {
            return self.reply(respond, Answer::Status(503));
        }
        let (shard, now) = (self.index, self.now.micros);
        let id = self.open(server, Transport::Polling, request, seat);
        let Some(connection) = self.directory.connection(id) else { return };
        let (body, opened) = (connection.payload(shard, now), Some(connection.sid));
        self.reply(respond, Answer::Payload { body, opened, plain: false });
    }

    /// A polling request that names a session: the checks that need it, then GET or POST.
    pub(super) fn request(&mut self, request: SessionRequest) {
        let SessionRequest { server, sid, id, method, websocket, current, binary, respond } = request;
        let owner = self.directory.by_sid(&sid);
        let owner = owner.filter(|id| self.directory.see(*id).is_some_and(|one| one.server.id == server.id));
        let Some((owner, connection)) = owner.and_then(|id| Some((id, self.directory.connection(id)?))) else {
            return self.reply(respond, Answer::Refused(Refusal::UNKNOWN_SID));
        };
        if (connection.engine.transport() == Transport::WebSocket) != websocket || !current || websocket {
            return self.reply(respond, Answer::Refused(Refusal::BAD_REQUEST));
        }
        let ready = !connection.outbox.is_empty() && !connection.held;
        let mut effects = Vec::new();
        match (connection.engine.has_poll(), connection.engine.has_post(), method.as_str()) {
            (true, _, "GET") => self.blame(owner, "overlap from client"),
            (_, true, "POST") => self.blame(owner, "data request overlap from client"),
            (_, _, "POST") if binary => self.blame(owner, "invalid content"),
            _ => {}
        }
        let Some(connection) = self.directory.connection(owner) else { return };
        match method.as_str() {
            "GET" => connection.engine.get(id, respond, ready, &mut effects),
            "POST" => connection.engine.post(id, respond, binary, &mut effects),
            _ => return self.reply(respond, Answer::Status(500)),
        }
        self.apply(owner, effects);
        self.catch_up(owner);
    }

    /// The body of a POST: its packets in order, then the answer.
    pub(super) fn body(&mut self, sid: Id, id: u64, body: &Bytes) {
        let Some(owner) = self.directory.by_sid(&sid) else { return };
        let Some(connection) = self.directory.connection(owner) else { return };
        if !connection.engine.post_received(id) {
            return;
        }
        connection.server.counters(self.index).bytes_in.add(body.len() as u64);
        for packet in engine::decode_payload(&engine::body_text(body)) {
            self.packet(owner, Channel::Main, packet);
            // Each packet is a step of its own: who goes by it is gone before the next one.
            self.reap();
        }
        self.admit_waiting();
        match self.directory.connection(owner) {
            Some(connection) if connection.is_paused() => connection.post_waits = true,
            _ => self.with_engine(owner, Engine::post_taken),
        }
    }
}
