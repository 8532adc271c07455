//! The built-in events of the nself layer, answered without JavaScript: rooms that clients join by themselves, their
//! keep-alive, and who came or went.

use std::sync::Arc;

use super::command::SocketKey;
use super::counters::Denial;
use super::ids::Id;
use super::rooms::Selection;
use super::server::{Event, Join, Outgoing, Server};
use super::shard::Shard;
use crate::error::Error;
use crate::events::{self, Keep};
use crate::protocol::json;
use crate::protocol::socket::{self, Kind};

/// A room about which JavaScript has yet to decide.
pub struct Joining {
    token: u32,
    room: Arc<str>,
    ack: Option<f64>,
}

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
        let to = Selection::room(room.clone());
        // To come and to go is one state of a member: the newest counts.
        let keep = Some(Keep::Latest(socket.as_str().to_owned()));
        server.emit(Outgoing { nsp: "/", to, keep, enveloped: true, text: &text, ..Outgoing::default() });
    }

    fn join_asked(&mut self, index: u32, ack: Option<f64>, data: &str) {
        let verdict = asked_room(data).and_then(|room| self.may_join(index, &room).map(|asks| (Arc::from(room), asks)));
        match verdict {
            Ok((room, false)) => {
                self.enter(index, &room);
                self.answer(index, ack, Ok(()));
            }
            Ok((room, true)) => self.ask_about_room(index, ack, room),
            Err(error) => self.answer(index, ack, Err(error)),
        }
    }

    /// Whether a client may join a room. True: if JavaScript says so.
    fn may_join(&self, index: u32, room: &str) -> Result<bool, Error> {
        let socket = &self.sockets[index as usize];
        let server = self.server_of(index);
        let (access, counters) = (&server.config.access, server.counters(self.index));
        if *room == *socket.id.as_str() || socket.rooms.iter().any(|known| **known == *room) {
            return Ok(false);
        }
        let refuse = |denial, code, message: String| {
            counters.denied(denial);
            Err(Error::new(code, message))
        };
        if Id::parse(room).is_some_and(|id| id.is_marked()) {
            return refuse(Denial::Join, "ERR_FORBIDDEN", "this room is another socket's own".into());
        }
        let most = access.max_rooms_per_socket;
        if socket.rooms.len() + socket.joining.len() >= most {
            return refuse(Denial::Rooms, "ERR_TOO_MANY_ROOMS", format!("a socket may join {most} rooms at most"));
        }
        self.may_exist(index, room)?;
        let identity = self.connections[socket.connection as usize].identity.as_ref();
        match identity.and_then(|identity| identity.may_join(room)) {
            Some(true) => Ok(false),
            Some(false) if !access.authorize_join => {
                refuse(Denial::Join, "ERR_FORBIDDEN", format!("the ticket does not name room \"{room}\""))
            }
            _ => Ok(access.authorize_join),
        }
    }

    /// Whether a room is there, or one more may be.
    fn may_exist(&self, index: u32, room: &str) -> Result<(), Error> {
        let server = self.server_of(index);
        let is_new = self.spaces.get(&self.sockets[index as usize].nsp.id).is_none_or(|space| !space.has_room(room));
        if is_new && server.rooms.get() >= server.config.access.max_rooms as u64 {
            server.counters(self.index).denied(Denial::Rooms);
            return Err(Error::new("ERR_TOO_MANY_ROOMS", "the server has too many rooms"));
        }
        Ok(())
    }

    /// Asks JavaScript about a room. Everything else goes on meanwhile.
    fn ask_about_room(&mut self, index: u32, ack: Option<f64>, room: Arc<str>) {
        let Some(credit) = self.charge(self.connection_of(index), room.len()) else {
            return;
        };
        let socket = self.socket_key(index);
        let token = self.next_serial();
        self.sockets[index as usize].joining.push(Joining { token, room: room.clone(), ack });
        self.server_of(index).sink.push(Event::Join(Box::new(Join { socket, token, room, credit })));
    }

    /// JavaScript has decided about a room.
    pub(super) fn join_decided(&mut self, key: SocketKey, token: u32, error: Option<String>) {
        let Some(index) = self.socket_index(key) else { return };
        let joining = &mut self.sockets[index as usize].joining;
        let Some(place) = joining.iter().position(|one| one.token == token) else { return };
        let Joining { room, ack, .. } = joining.swap_remove(place);
        let result = match error {
            // Others have made rooms meanwhile.
            None => self.may_exist(index, &room).map(|()| self.enter(index, &room)),
            Some(error) => {
                self.server_of(index).counters(self.index).denied(Denial::Join);
                Err(Error::new("ERR_FORBIDDEN", error))
            }
        };
        self.answer(index, ack, result);
    }

    fn leave_asked(&mut self, index: u32, ack: Option<f64>, data: &str) {
        let result = asked_room(data).inspect(|room| {
            self.exit(index, room);
            // What comes of a question that is still open must not bring the client back.
            let joining = &mut self.sockets[index as usize].joining;
            let taken_back: Vec<Joining> = joining.extract_if(.., |one| *one.room == **room).collect();
            for Joining { ack, .. } in taken_back {
                self.answer(index, ack, Err(Error::new("ERR_ROOM_LEFT", "the room was left before it was joined")));
            }
        });
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
