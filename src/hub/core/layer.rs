//! The built-in events of the nself layer, answered without JavaScript: rooms that clients join by themselves, their
//! keep-alive, and what they are told when they say too much.

use std::sync::Arc;

use super::Core;
use super::access::refusal;
use super::connection::ConnectionId;
use super::limits;
use super::socket::{Joining, SocketId, Stage};
use crate::error::Error;
use crate::events;
use crate::hub::counters::Denial;
use crate::hub::event::{Event, Join, SocketKey};
use crate::hub::ids::Id;
use crate::protocol::json;
use crate::protocol::socket::{self as wire, Kind};

impl Core {
    /// Whether a socket speaks with the nself layer.
    pub(super) fn is_layer(&self, id: SocketId) -> bool {
        self.directory.server_of(id).is_some_and(|server| server.config.nself)
            && self.directory.socket(id).is_some_and(|socket| *socket.nsp.name == *"/")
    }

    /// Whether a client's event may pass. If not, it has been told.
    pub(super) fn may_say(&mut self, id: ConnectionId, socket: SocketId, name: Option<&str>, ack: Option<f64>) -> bool {
        let is_layer = self.is_layer(socket);
        if name == Some(events::HEARTBEAT) && is_layer {
            return self.may_chatter(id);
        }
        if self.judge(id, Some(socket), |allowance, limits, now, counters| allowance.event(limits, now, counters)) {
            return true;
        }
        // Whoever asks gets an answer.
        if let Some(ack) = ack.filter(|_| is_layer) {
            self.push_ack(socket, ack, &format!("{{\"ok\":false,{}", limits::error()));
        }
        false
    }

    /// Whether a client may ask for a namespace.
    pub(super) fn may_connect(&mut self, id: ConnectionId, nsp: &str) -> bool {
        let may = self.judge(id, None, |allowance, limits, now, counters| allowance.event(limits, now, counters));
        if !may {
            self.refuse_connect(id, nsp, &refusal(limits::CODE, limits::TEXT));
        }
        may
    }

    pub(super) fn tell_of_limit(&mut self, id: SocketId) {
        let data = format!("{{{}", limits::error());
        if self.is_layer(id) {
            return self.tell(id, "error", &data);
        }
        let Some(socket) = self.directory.socket(id) else { return };
        let text = format!("[\"error\",{data}]");
        let (connection, frame) = (socket.connection, wire::encode_text(Kind::Event, &socket.nsp.name, None, &text));
        self.push(connection, &[frame]);
    }

    /// Answers an event of a client if it is one of the layer's own.
    pub(super) fn built_in(&mut self, id: SocketId, name: Option<&str>, ack: Option<f64>, data: &str) -> bool {
        if !self.is_layer(id) {
            return false;
        }
        match name {
            Some(events::JOIN) => self.join_asked(id, ack, data),
            Some(events::LEAVE) => self.leave_asked(id, ack, data),
            Some(events::HEARTBEAT) => self.tell(id, "pong", "null"),
            _ => return false,
        }
        true
    }

    fn join_asked(&mut self, id: SocketId, ack: Option<f64>, data: &str) {
        let verdict = asked_room(data).and_then(|room| {
            let room: Arc<str> = room.into();
            self.may_join(id, &room).map(|asks| (room, asks))
        });
        match verdict {
            Ok((room, false)) => {
                self.enter(id, &room, true);
                self.answer(id, ack, Ok(()));
            }
            Ok((room, true)) => {
                self.ask_about_room(id, Joining { token: 0, room, ack, returns: false });
            }
            Err(error) => self.answer(id, ack, Err(error)),
        }
    }

    /// Whether a client may join a room. True: if JavaScript says so.
    fn may_join(&self, id: SocketId, room: &Arc<str>) -> Result<bool, Error> {
        let found = self.directory.socket(id).zip(self.directory.server_of(id));
        let Some((socket, server)) = found else { return Err(Error::closed()) };
        if socket.is_in(room) {
            return Ok(false);
        }
        let counters = server.counters(self.index);
        let refuse = |denial, code, message: String| {
            counters.denied(denial);
            Err(Error::new(code, message))
        };
        if Id::parse(room).is_some_and(|id| id.is_marked()) {
            return refuse(Denial::Join, "ERR_FORBIDDEN", "this room is another socket's own".into());
        }
        let most = server.config.access.max_rooms_per_socket;
        if socket.rooms.len() + socket.joining.len() >= most {
            return refuse(Denial::Rooms, "ERR_TOO_MANY_ROOMS", format!("a socket may join {most} rooms at most"));
        }
        self.may_exist(id, room)?;
        match self.is_named(id, room) {
            Some(false) if !server.config.access.authorize_join => {
                refuse(Denial::Join, "ERR_FORBIDDEN", format!("the ticket does not name room \"{room}\""))
            }
            Some(true) => Ok(false),
            _ => Ok(server.config.access.authorize_join),
        }
    }

    /// Whether the client's ticket names a room. None: it has none that speaks of rooms.
    pub(super) fn is_named(&self, id: SocketId, room: &str) -> Option<bool> {
        let connection = self.directory.see(self.directory.socket(id)?.connection)?;
        connection.identity.as_ref()?.may_join(room)
    }

    /// Whether a room is there, or one more may be.
    pub(super) fn may_exist(&self, id: SocketId, room: &Arc<str>) -> Result<(), Error> {
        let Some(socket) = self.directory.socket(id) else { return Ok(()) };
        let Some(connection) = self.directory.see(socket.connection) else { return Ok(()) };
        let server = &connection.server;
        if self.directory.space(socket.nsp.id).is_some_and(|space| space.has_room(room)) {
            return Ok(());
        }
        server.attendance.may_exist(socket.nsp.id, room, connection.allowance.made()).map_err(|refusal| {
            server.counters(self.index).denied(Denial::Rooms);
            Error::new("ERR_TOO_MANY_ROOMS", refusal)
        })
    }

    /// Asks JavaScript about a room. Everything else goes on meanwhile.
    pub(super) fn ask_about_room(&mut self, id: SocketId, mut joining: Joining) {
        let Some(owner) = self.directory.socket(id).map(|socket| socket.connection) else { return };
        let Some(credit) = self.charge(owner, joining.room.len()) else { return };
        let (token, room, key) = (self.next_token(), joining.room.clone(), self.key(id));
        joining.token = token;
        if let Some(socket) = self.directory.socket_mut(id) {
            socket.joining.push(joining);
        }
        self.tell_server(id, Event::Join(Box::new(Join { socket: key, token, room, credit })));
    }

    /// JavaScript has decided about a room.
    pub(super) fn join_decided(&mut self, key: SocketKey, token: u32, error: Option<String>) {
        let Some(id) = self.find(key) else { return };
        let Some(socket) = self.directory.socket_mut(id) else { return };
        let Some(place) = socket.joining.iter().position(|one| one.token == token) else { return };
        let Joining { room, ack, returns, .. } = socket.joining.swap_remove(place);
        let is_last = !socket.joining.iter().any(|one| one.returns);
        if returns {
            self.room_returned(id, &room, error.is_none());
            if is_last && self.directory.socket(id).is_some_and(|socket| socket.stage == Stage::Returning) {
                self.restore(id);
            }
            return;
        }
        let result = match error {
            // Others have made rooms meanwhile.
            None => self.may_exist(id, &room).map(|()| self.enter(id, &room, true)),
            Some(error) => {
                if let Some(server) = self.directory.server_of(id) {
                    server.counters(self.index).denied(Denial::Join);
                }
                Err(Error::new("ERR_FORBIDDEN", error))
            }
        };
        self.answer(id, ack, result);
    }

    fn leave_asked(&mut self, id: SocketId, ack: Option<f64>, data: &str) {
        let result = asked_room(data).inspect(|room| {
            self.exit(id, room);
            // What comes of a question that is still open must not bring the client back.
            let Some(socket) = self.directory.socket_mut(id) else { return };
            let taken_back: Vec<Joining> = socket.joining.extract_if(.., |one| *one.room == **room).collect();
            for Joining { ack, .. } in taken_back {
                self.answer(id, ack, Err(Error::new("ERR_ROOM_LEFT", "the room was left before it was joined")));
            }
        });
        self.answer(id, ack, result.map(drop));
    }

    /// Answers a built-in event: by its ack if one was asked for; an error is never silent.
    fn answer(&mut self, id: SocketId, ack: Option<f64>, result: Result<(), Error>) {
        let text = match &result {
            Ok(()) => "{\"ok\":true}".to_owned(),
            Err(error) => format!("\"code\":\"{}\",\"error\":{}}}", error.code, json::quoted(&error.message)),
        };
        match (ack, result) {
            (Some(ack), Ok(())) => self.push_ack(id, ack, &text),
            (Some(ack), Err(_)) => self.push_ack(id, ack, &format!("{{\"ok\":false,{text}")),
            (None, Err(_)) => self.tell(id, "error", &format!("{{{text}")),
            (None, Ok(())) => {}
        }
    }

    fn push_ack(&mut self, id: SocketId, ack: f64, text: &str) {
        let Some(owner) = self.directory.socket(id).map(|socket| socket.connection) else { return };
        self.push(owner, &[wire::encode_text(Kind::Ack, "/", Some(ack), &format!("[{text}]"))]);
    }

    /// Sends one socket an event of the nself layer.
    pub(super) fn tell(&mut self, id: SocketId, event: &str, data: &str) {
        let Some(owner) = self.directory.socket(id).map(|socket| socket.connection) else { return };
        let text = events::envelope(event, data, &self.iso(self.millis()), None);
        self.push(owner, &[wire::encode_text(Kind::Event, "/", None, &text)]);
    }
}

fn asked_room(data: &str) -> Result<String, Error> {
    let (_, rest) = json::first_item(data);
    let room = events::room_of(json::second_item(rest))
        .ok_or_else(|| Error::new("ERR_INVALID_ROOM", "send { roomId: \"…\" } with join:room and leave:room"))?;
    events::check_room(&room).map(|()| room)
}
