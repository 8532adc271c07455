//! Sockets on a shard: what their clients say, their rooms, how they go.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::builtin::Joining;
use super::clock;
use super::command::{Change, SocketKey};
use super::connection::Connection;
use super::ids::Id;
use super::recovery::Session;
use super::rooms::{Joined, Member, Selection};
use super::run::{Policy, Run};
use super::server::{Event, Namespace, Outgoing, Packet, Server};
use super::shard::{Key, Shard};
use crate::error::Reason;
use crate::protocol::frame::Frame;
use crate::protocol::socket::{self, Kind};
use crate::session::Millis;
use crate::session::socket::Input;

/// Bits of a [`SocketKey`]: the place, then the serial, then the shard.
const INDEX_BITS: u32 = 22;
const SERIAL_BITS: u32 = 26;
pub(super) const SERIAL_MASK: u32 = (1 << SERIAL_BITS) - 1;

/// One client in one namespace.
pub struct Socket {
    pub(super) serial: u32,
    pub(super) connection: u32,
    pub(super) nsp: Arc<Namespace>,
    pub(super) id: Id,
    pub(super) rooms: Vec<Arc<str>>,
    /// Rooms about which JavaScript has yet to decide.
    pub(super) joining: Vec<Joining>,
    pub(super) joined: bool,
    /// JavaScript has yet to decide whether it is let in.
    pub(super) asking: bool,
    /// JavaScript has been told of it.
    pub(super) told: bool,
    /// Who it is, by the application's word; never by the client's.
    pub(super) user: Option<Arc<str>>,
    pub(super) since: Millis,
    /// What JavaScript is told when the socket is let in.
    pub(super) info: Option<Box<str>>,
    /// By which the client may take the socket up again.
    pub(super) pid: Option<Id>,
    /// What it missed, until it is let in.
    pub(super) missed: Option<Box<[Arc<Run>]>>,
}

/// The shard of a socket.
pub fn shard_of(key: SocketKey) -> usize {
    (key >> (INDEX_BITS + SERIAL_BITS)) as usize
}

impl Shard {
    pub(super) fn socket_key(&self, index: u32) -> SocketKey {
        let serial = u64::from(self.sockets[index as usize].serial);
        (self.index as u64) << (INDEX_BITS + SERIAL_BITS) | serial << INDEX_BITS | u64::from(index)
    }

    pub(super) fn socket_index(&self, key: SocketKey) -> Option<u32> {
        let index = (key & ((1 << INDEX_BITS) - 1)) as u32;
        let serial = (key >> INDEX_BITS) as u32 & SERIAL_MASK;
        self.sockets.get(index as usize).is_some_and(|socket| socket.serial == serial).then_some(index)
    }

    /// A socket by its key, if it is still there.
    pub(super) fn find(&self, key: SocketKey) -> Option<&Socket> {
        self.socket_index(key).map(|index| &self.sockets[index as usize])
    }

    pub(super) fn connection_of(&self, socket: u32) -> Key {
        let index = self.sockets[socket as usize].connection;
        Key { index, serial: self.connections[index as usize].serial }
    }

    pub(super) fn server_of(&self, socket: u32) -> &Arc<Server> {
        &self.connections[self.sockets[socket as usize].connection as usize].server
    }

    /// Queues packets for one connection.
    pub(super) fn push(&mut self, key: Key, frames: &[Frame]) {
        let Some(connection) = self.connection(key) else {
            return;
        };
        let is_full = |connection: &Connection| {
            let (cost, bytes) = (connection.outbox.cost(), frames.iter().map(Frame::len).sum::<usize>());
            cost > 0 && cost + bytes > connection.server.config.max_outbox
        };
        // Perhaps only because this pass has not written yet.
        if is_full(connection) && !connection.blocked {
            self.flush(key);
        }
        let Some(connection) = self.connection(key) else {
            return;
        };
        let must_drop = is_full(connection);
        frames.iter().for_each(|frame| connection.outbox.push(frame.clone()));
        if must_drop && self.make_room(key).is_err() {
            return self.too_slow(key);
        }
        self.touch(key);
    }

    /// What a message of a client means.
    pub(super) fn input(&mut self, key: Key, input: Input<'_, u32>) {
        let shard = self.index;
        match input {
            Input::Connect { nsp, auth, instead } => {
                // What it asked before is answered no more: two sockets in one namespace would get every event twice.
                if let Some(before) = instead {
                    self.remove_socket(before, Reason::ClientLeft);
                }
                if self.may_connect(key, nsp) {
                    self.connect(key, nsp, auth);
                }
            }
            Input::Event { socket, id, name, data, attachments } => {
                let Some(connection) = self.connection(key) else {
                    return;
                };
                connection.server.counters(shard).events_in.add(1);
                if !self.may_say(key, socket, name.as_deref(), id) {
                    return;
                }
                if !self.built_in(socket, name.as_deref(), id, &data) {
                    self.tell_javascript(key, socket, Kind::Event, id, &data, attachments);
                }
            }
            Input::Ack { socket, id, data, attachments } => {
                if self.may_acknowledge(key) {
                    self.tell_javascript(key, socket, Kind::Ack, Some(id), &data, attachments);
                }
            }
            Input::Leave { socket } => self.remove_socket(socket, Reason::ClientLeft),
            Input::Nothing => {
                self.may_chatter(key);
            }
            Input::OverLimit => {
                if let Some(connection) = self.connection(key) {
                    connection.server.refusals.attachments.add(1);
                }
                self.close_connection(key, Reason::ForcedClose);
            }
            Input::Refused(reason) => self.close_connection(key, reason),
        }
    }

    fn tell_javascript(
        &mut self,
        key: Key,
        socket: u32,
        kind: Kind,
        id: Option<f64>,
        data: &str,
        attachments: Vec<Bytes>,
    ) {
        if !self.sockets[socket as usize].told {
            return;
        }
        let bytes = data.len() + attachments.iter().map(Bytes::len).sum::<usize>();
        let Some(credit) = self.charge(key, bytes) else {
            return;
        };
        let packet = Packet { socket: self.socket_key(socket), kind, id, data: data.into(), attachments, credit };
        self.server_of(socket).sink.push(Event::Packet(Box::new(packet)));
    }

    /// A packet for one socket.
    pub(super) fn send(
        &mut self,
        key: SocketKey,
        kind: Kind,
        id: Option<f64>,
        volatile: bool,
        text: &str,
        attachments: &[Bytes],
    ) {
        let Some(index) = self.socket_index(key).filter(|index| self.sockets[*index as usize].joined) else {
            return;
        };
        let connection = self.connection_of(index);
        let writable = self.connection(connection).is_some_and(|connection| connection.is_writable());
        if volatile && !writable {
            return self.server_of(index).counters(self.index).dropped_volatile.add(1);
        }
        if let (Kind::Event, Some(_), Some(connection)) = (kind, id, self.connection(connection)) {
            connection.allowance.owes_ack();
        }
        let nsp = self.sockets[index as usize].nsp.clone();
        let frames = socket::encode(kind, &nsp.name, id, text, attachments);
        // What asks for an answer is never dropped.
        let policy = match (kind, id) {
            (Kind::Event, None) => self.server_of(index).policy(&nsp, &Outgoing { text, ..Outgoing::default() }),
            _ => Policy::Close,
        };
        if policy == Policy::Close {
            return self.push(connection, &frames);
        }
        self.squeeze(connection, &Run::one(frames, clock::micros(), policy), 0..1, false);
    }

    /// A change for one socket.
    pub(super) fn change(&mut self, key: SocketKey, change: &Change) {
        if let Some(index) = self.socket_index(key) {
            self.change_socket(index, change);
        }
    }

    /// A change for many sockets.
    pub(super) fn change_all(&mut self, nsp: &Namespace, to: &Selection, change: &Change) {
        let mut selected = Vec::new();
        if let Some(space) = self.spaces.get(&nsp.id) {
            space.select(to, |member| selected.push(self.socket_key(member.socket)));
        }
        // By key: closing a connection may take others of the selection with it.
        selected.into_iter().for_each(|key| self.change(key, change));
    }

    fn change_socket(&mut self, index: u32, change: &Change) {
        match change {
            Change::Join(rooms) => rooms.iter().for_each(|room| {
                self.enter(index, room);
            }),
            Change::Leave(rooms) => rooms.iter().for_each(|room| self.exit(index, room)),
            Change::LeaveAll => {
                let socket = &self.sockets[index as usize];
                let (id, rooms) = (socket.id, socket.rooms.clone());
                rooms.iter().for_each(|room| self.exit(index, room));
                self.exit(index, id.as_str());
            }
            Change::Disconnect(whole) => self.kick(index, *whole),
        }
    }

    fn kick(&mut self, index: u32, whole: bool) {
        if whole {
            self.expel(self.connection_of(index));
        } else {
            self.dismiss(index);
        }
    }

    /// Tells a socket that it is disconnected.
    pub(super) fn dismiss(&mut self, index: u32) {
        let key = self.connection_of(index);
        let nsp = self.sockets[index as usize].nsp.clone();
        self.push(key, &[socket::encode_text(Kind::Disconnect, &nsp.name, None, "")]);
        if self.sockets.contains(index as usize) {
            self.remove_socket(index, Reason::ServerKicked);
        }
    }

    /// Closes the connection under a socket.
    pub(super) fn close_under(&mut self, key: SocketKey) {
        if let Some(index) = self.socket_index(key) {
            self.close_connection(self.connection_of(index), Reason::ForcedClose);
        }
    }

    /// Puts a socket into a room, and tells the room, unless it is there already.
    pub(super) fn enter(&mut self, index: u32, room: &Arc<str>) {
        let socket = &mut self.sockets[index as usize];
        if !socket.joined {
            // A middleware's wish: it comes true if the socket is let in, and is gone with it otherwise.
            if !socket.rooms.contains(room) {
                socket.rooms.push(room.clone());
            }
            return;
        }
        let Some(space) = self.spaces.get_mut(&socket.nsp.id) else { return };
        let member = Member { socket: index, connection: socket.connection };
        if **room == *socket.id.as_str() {
            space.show(socket.id, member);
            return;
        }
        let joined = space.join(room, member);
        if joined == Joined::Already {
            return;
        }
        socket.rooms.push(room.clone());
        let nsp = socket.nsp.id;
        if joined == Joined::First {
            self.server_of(index).rooms.up();
            self.room_inhabited(index, nsp, room);
        }
        self.arrived(index, room);
    }

    /// Takes a socket out of a room, and tells the room.
    pub(super) fn exit(&mut self, index: u32, room: &str) {
        if let Some(room) = self.part_from(index, room) {
            self.left(index, &room);
        }
    }

    /// Takes a socket out of a room. Returns the room if it was there.
    fn part_from(&mut self, index: u32, room: &str) -> Option<Arc<str>> {
        let socket = &mut self.sockets[index as usize];
        if *room == *socket.id.as_str() {
            if let Some(space) = self.spaces.get_mut(&socket.nsp.id) {
                space.hide(&socket.id);
            }
            return None;
        }
        let place = socket.rooms.iter().position(|known| **known == *room)?;
        let room = socket.rooms.swap_remove(place);
        let nsp = socket.nsp.id;
        let space = self.spaces.get_mut(&nsp).filter(|_| socket.joined)?;
        if space.leave(&room, index) {
            self.server_of(index).rooms.down();
            self.room_deserted(index, nsp, &room);
        }
        // What it got as a member does not wait for a window that does not know it any more.
        let connection = self.sockets[index as usize].connection;
        if self.connections[connection as usize].held {
            self.connections[connection as usize].touch(connection, false, &mut self.dirty);
        }
        Some(room)
    }

    /// A socket is over. JavaScript, if it knew it, hears why, and which rooms it was in.
    fn remove_socket(&mut self, index: u32, reason: Reason) {
        let rooms = self.sockets[index as usize].rooms.clone();
        let key = self.socket_key(index);
        self.decided(index);
        self.remember(index, reason);
        for room in &rooms {
            if let Some(room) = self.part_from(index, room) {
                self.gone(index, &room, reason);
            }
        }
        let server = self.server_of(index).clone();
        let connection = self.connection_of(index);
        let socket = self.sockets.remove(index as usize);
        if let Some(connection) = self.connection(connection) {
            connection.members.remove(index);
            if connection.members.iter().next().is_none() {
                connection.forget_identity();
            }
        }
        if socket.joined {
            server.counters(self.index).sockets.down();
            if let Some(space) = self.spaces.get_mut(&socket.nsp.id) {
                space.remove(&socket.id, index);
                if space.is_empty() {
                    self.spaces.remove(&socket.nsp.id);
                }
            }
        }
        if socket.told && socket.info.is_none() {
            let rooms: Vec<&str> =
                std::iter::once(socket.id.as_str()).chain(rooms.iter().map(|room| &**room)).collect();
            let rooms = serde_json::to_string(&rooms).expect("strings are JSON");
            let info = format!("{{\"reason\":\"{reason}\",\"rooms\":{rooms}}}");
            let credit = server.ledger.charge(info.len());
            server.sink.push(Event::Disconnect(key, info, credit));
        }
    }

    /// A client that was cut off may come back to its socket.
    fn remember(&self, index: u32, reason: Reason) {
        let socket = &self.sockets[index as usize];
        let cut_off = !matches!(reason, Reason::ClientLeft | Reason::ServerKicked);
        if let (true, true, Some(pid), Some(memory)) = (cut_off, socket.joined, socket.pid, &socket.nsp.recovery) {
            let session = Session { id: socket.id, pid, rooms: socket.rooms.clone(), user: socket.user.clone() };
            memory.lock().persist(session, Instant::now());
        }
    }

    /// A connection is over, and its sockets with it.
    pub(super) fn sockets_over(&mut self, key: Key, reason: Reason) {
        let Some(connection) = self.connection(key) else {
            return;
        };
        let sockets: Vec<u32> = connection.members.iter().collect();
        sockets.into_iter().for_each(|socket| self.remove_socket(socket, reason));
    }
}
