//! The built-in events of the nself layer, answered without JavaScript: rooms that clients join by themselves, their
//! keep-alive, and who came or went.

use std::sync::Arc;

use super::ids::Id;
use super::rooms::Selection;
use super::server::{Outgoing, Server};
use super::shard::Shard;
use crate::error::Error;
use crate::events::{self, Keep};
use crate::protocol::json;
use crate::protocol::socket::{self, Kind};

impl Shard {
    /// Whether a socket speaks with the nself layer.
    pub(super) fn is_layer(&self, socket: u32) -> bool {
        self.server_of(socket).config.nself && *self.sockets[socket as usize].nsp.name == *"/"
    }

    /// Answers an event of a client if it is one of the layer's own.
    pub(super) fn built_in(&mut self, socket: u32, name: Option<&str>, id: Option<f64>, data: &str) -> bool {
        if !self.is_layer(socket) {
            return false;
        }
        match name {
            Some(events::JOIN) => self.join_asked(socket, id, data),
            Some(events::LEAVE) => self.leave_asked(socket, id, data),
            Some(events::HEARTBEAT) => self.tell(socket, "pong", "null"),
            _ => return false,
        }
        true
    }

    /// Tells a room of the nself layer who came or went; every shard has members of it.
    pub(super) fn announce(
        &self,
        server: &Arc<Server>,
        event: &str,
        room: &Arc<str>,
        socket: Id,
        user: Option<&Arc<str>>,
    ) {
        let user = user.map_or("null".into(), |user| json::quoted(user));
        let data =
            format!("{{\"socketId\":\"{}\",\"userId\":{user},\"room\":{}}}", socket.as_str(), json::quoted(room));
        let text = events::envelope(event, &data, &self.iso(self.now), Some(room));
        let to = Selection { rooms: vec![room.clone()], except: Vec::new() };
        // To come and to go is one state of a member: the newest counts.
        let keep = Some(Keep::Latest(socket.as_str().to_owned()));
        server.emit(Outgoing { nsp: "/", to, keep, enveloped: true, text: &text, ..Outgoing::default() });
    }

    fn join_asked(&mut self, index: u32, ack: Option<f64>, data: &str) {
        let result = asked_room(data).inspect(|room| {
            self.enter(index, &room.as_str().into());
        });
        self.answer(index, ack, result.map(drop));
    }

    fn leave_asked(&mut self, index: u32, ack: Option<f64>, data: &str) {
        let result = asked_room(data).inspect(|room| self.exit(index, room));
        self.answer(index, ack, result.map(drop));
    }

    /// Answers a built-in event: by its ack if one was asked for; an error is never silent.
    fn answer(&mut self, index: u32, ack: Option<f64>, result: Result<(), Error>) {
        let text = match &result {
            Ok(()) => "{\"ok\":true}".to_owned(),
            Err(error) => {
                format!("\"code\":\"{}\",\"error\":{}}}", error.code, json::quoted(&error.message))
            }
        };
        match (ack, result) {
            (Some(id), Ok(())) => self.push_ack(index, id, &text),
            (Some(id), Err(_)) => self.push_ack(index, id, &format!("{{\"ok\":false,{text}")),
            (None, Err(_)) => self.tell(index, "error", &format!("{{{text}")),
            (None, Ok(())) => {}
        }
    }

    pub(super) fn push_ack(&mut self, index: u32, id: f64, text: &str) {
        let frame = socket::encode_text(Kind::Ack, "/", Some(id), &format!("[{text}]"));
        self.push(self.connection_of(index), &[frame]);
    }

    /// Sends one socket an event of the nself layer.
    pub(super) fn tell(&mut self, index: u32, event: &str, data: &str) {
        let text = events::envelope(event, data, &self.iso(self.now), None);
        self.push(self.connection_of(index), &[socket::encode_text(Kind::Event, "/", None, &text)]);
    }
}

fn asked_room(data: &str) -> Result<String, Error> {
    let (_, rest) = json::first_item(data);
    let room = events::room_of(json::second_item(rest))
        .ok_or_else(|| Error::new("ERR_INVALID_ROOM", "send { roomId: \"…\" } with join:room and leave:room"))?;
    events::check_room(&room).map(|()| room)
}
