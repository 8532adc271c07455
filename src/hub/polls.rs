//! HTTP long-polling on a shard: requests that name a session, and their answers.

use std::sync::Arc;

use bytes::Bytes;

use super::command::{Answer, Respond, SessionRequest};
use super::ids::Id;
use super::server::{Server, State};
use super::shard::Shard;
use crate::guard::gate::Seat;
use crate::protocol::engine;
use crate::session::engine::{Channel, Engine, Transport};
use crate::session::handshake::{Refusal, Request};

impl Shard {
    /// A handshake: the open packet is its answer.
    pub(super) fn open_polling(&mut self, server: Arc<Server>, request: &Request, seat: Seat, respond: Respond) {
        if server.state() != State::Open {
            return respond(Answer::Status(503));
        }
        let shard = self.index;
        let key = self.open(server, Transport::Polling, request, seat);
        let Some(connection) = self.connection(key) else {
            return;
        };
        let body = connection.payload(shard);
        respond(Answer::Payload { body, opened: Some(connection.sid) });
    }

    /// A polling request that names a session: the checks that need it, then GET or POST.
    pub(super) fn request(&mut self, request: SessionRequest) {
        let SessionRequest { server, sid, id, method, websocket, current, binary, respond } = request;
        let found = self.sids.get(&sid).copied();
        let Some((key, connection)) = found.and_then(|key| {
            let connection = self.connection(key)?;
            (connection.server.id == server.id).then_some((key, connection))
        }) else {
            return respond(Answer::Refused(Refusal::UNKNOWN_SID));
        };
        if (connection.engine.transport() == Transport::WebSocket) != websocket || !current || websocket {
            return respond(Answer::Refused(Refusal::BAD_REQUEST));
        }
        let ready = !connection.outbox.is_empty() && !connection.held;
        let mut effects = Vec::new();
        match method.as_str() {
            "GET" => connection.engine.get(id, respond, ready, &mut effects),
            "POST" => connection.engine.post(id, respond, binary, &mut effects),
            _ => return respond(Answer::Status(500)),
        }
        self.apply(key, effects);
    }

    /// The body of a POST: its packets in order, then the answer.
    pub(super) fn body(&mut self, sid: Id, id: u64, body: &Bytes) {
        let Some(key) = self.sids.get(&sid).copied() else {
            return;
        };
        if !self.connection(key).is_some_and(|connection| connection.engine.post_received(id)) {
            return;
        }
        self.connections[key.index as usize].server.counters(self.index).bytes_in.add(body.len() as u64);
        for packet in engine::decode_payload(&engine::body_text(body)) {
            self.packet(key, Channel::Main, packet);
        }
        self.admit_waiting();
        match self.connection(key) {
            Some(connection) if connection.is_paused() => connection.post_waits = true,
            _ => self.with_engine(key, Engine::post_taken),
        }
    }
}
