//! Who is there. An entry is the socket itself, so it lives exactly as long; a look asks the shards.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::attendance::{Change, Ticket};
use super::command::{Command, SocketKey};
use super::ids::Id;
use super::membership::shard_of;
use super::server::{Event, Server, State};
use super::shard::{Key, Shard, Timer};
use super::stats::Depth;
use crate::error::Reason;
use crate::events;
use crate::protocol::json;
use crate::session::Millis;

/// Longest wait for a shard; it answers in microseconds unless the machine is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// One socket of the nself layer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// By the application's word; none if it did not say.
    pub user_id: Option<String>,
    /// The socket's id.
    pub socket_id: String,
    /// The rooms that it joined.
    pub rooms: Vec<String>,
    /// ISO 8601.
    pub connected_at: String,
    /// When its client was last heard of, pongs included; ISO 8601.
    pub last_seen: String,
}

/// A user who was cut off while in a room.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Absence {
    server: u32,
    room: Arc<str>,
    user: Arc<str>,
    socket: Id,
    ticket: Ticket,
}

impl Shard {
    /// The server of a socket whose comings and goings are announced.
    fn announced(&self, socket: u32) -> Option<Arc<Server>> {
        let server = self.server_of(socket);
        let is_layer = server.config.nself && *self.sockets[socket as usize].nsp.name == *"/";
        (is_layer && server.state() == State::Open).then(|| server.clone())
    }

    /// A socket has come into a room.
    pub(super) fn arrived(&self, index: u32, room: &Arc<str>) {
        let Some(server) = self.announced(index) else { return };
        let socket = &self.sockets[index as usize];
        let is_back = socket.user.as_ref().is_some_and(|user| server.attendance.is_back(room, user));
        if !is_back {
            self.announce(&server, "room:joined", room, socket.id, socket.user.as_ref());
        }
    }

    /// A socket has left a room.
    pub(super) fn left(&self, index: u32, room: &Arc<str>) {
        let Some(server) = self.announced(index) else { return };
        let socket = &self.sockets[index as usize];
        self.announce(&server, "room:left", room, socket.id, socket.user.as_ref());
    }

    /// A socket that was in a room is over. A user who was cut off may be back in a moment: a page that reloads.
    pub(super) fn gone(&mut self, index: u32, room: &Arc<str>, reason: Reason) {
        let Some(server) = self.announced(index) else { return };
        let socket = &self.sockets[index as usize];
        match &socket.user {
            Some(user)
                if !matches!(reason, Reason::ServerKicked | Reason::ClientLeft) && server.config.presence.grace > 0 =>
            {
                let ticket = server.attendance.absent(room, user);
                let (room, user, socket) = (room.clone(), user.clone(), socket.id);
                let until = self.now + server.config.presence.grace;
                self.timers.add(until, Timer::Absent(Absence { server: server.id, room, user, socket, ticket }));
            }
            user => self.announce(&server, "room:left", room, socket.id, user.as_ref()),
        }
    }

    /// The grace of a user who was cut off is over.
    pub(super) fn stayed_away(&mut self, absence: &Absence) {
        let Absence { room, user, socket, ticket, .. } = absence;
        let Ok(server) = super::server(absence.server) else { return };
        if server.attendance.is_gone(room, user, *ticket) && server.state() == State::Open {
            self.announce(&server, "room:left", room, *socket, Some(user));
        }
    }

    /// JavaScript wants to know which rooms of a server have members.
    pub(super) fn watch(&mut self, server: &Arc<Server>) {
        if self.watched.insert(server.id, server.clone()).is_some() {
            return;
        }
        for nsp in server.namespaces() {
            let rooms = self.spaces.get(&nsp.id).map(|space| space.names().cloned().collect::<Vec<_>>());
            for room in rooms.into_iter().flatten() {
                if server.attendance.inhabited(nsp.id, &room) == Change::Inhabited {
                    tell_of_room(server, &nsp.name, &room, true);
                }
            }
        }
    }

    /// A room has its first member here.
    pub(super) fn room_inhabited(&mut self, index: u32, nsp: u32, room: &Arc<str>) {
        let Some(server) = self.watched.get(&self.server_of(index).id) else { return };
        if server.attendance.inhabited(nsp, room) == Change::Inhabited {
            tell_of_room(server, &self.sockets[index as usize].nsp.name, room, true);
        }
    }

    /// A room has no member left here.
    pub(super) fn room_deserted(&mut self, index: u32, nsp: u32, room: &Arc<str>) {
        let Some(server) = self.watched.get(&self.server_of(index).id) else { return };
        if let Change::Empty(ticket) = server.attendance.deserted(nsp, room) {
            let until = self.now + server.config.presence.grace;
            self.timers.add(until, Timer::Empty(server.id, nsp, room.clone(), ticket));
        }
    }

    /// The grace of a room without members is over.
    pub(super) fn room_stayed_empty(&self, server: u32, nsp: u32, room: &Arc<str>, ticket: Ticket) {
        let Some(server) = self.watched.get(&server) else { return };
        let Some(nsp) = server.namespaces().into_iter().find(|known| known.id == nsp) else { return };
        if server.attendance.is_forsaken(nsp.id, room, ticket) {
            tell_of_room(server, &nsp.name, room, false);
        }
    }

    /// Sees to it that stale clients of a server are looked for.
    pub(super) fn keep_sweeping(&mut self, server: &Server) {
        if server.config.presence.stale_after.is_some() && self.swept.insert(server.id) {
            self.timers.add(self.now + server.config.presence.sweep_interval, Timer::Sweep(server.id));
        }
    }

    /// Disconnects the clients of which nothing was heard for too long.
    pub(super) fn sweep(&mut self, server: u32) {
        self.swept.remove(&server);
        let own = || self.connections.iter().filter(|(_, connection)| connection.server.id == server);
        let Some(one) = own().next().map(|(_, connection)| connection.server.clone()) else { return };
        let limit = one.config.presence.stale_after.unwrap_or(Millis::MAX);
        let stale: Vec<Key> = own()
            .filter(|(_, connection)| connection.seen.saturating_add(limit) <= self.now && !connection.is_paused())
            .map(|(index, connection)| Key { index: index as u32, serial: connection.serial })
            .collect();
        for key in stale {
            one.counters(self.index).stale_clients.add(1);
            self.with_engine(key, |engine, effects| engine.end(Reason::Stale, effects));
        }
        self.keep_sweeping(&one);
    }

    /// A moment as ISO 8601 with milliseconds.
    pub(super) fn iso(&self, at: Millis) -> String {
        events::iso(self.wall(at))
    }

    fn entries(&self, namespace: u32, user: Option<&str>) -> Vec<Entry> {
        let Some(space) = self.spaces.get(&namespace) else {
            return Vec::new();
        };
        space
            .members()
            .map(|member| &self.sockets[member.socket as usize])
            .filter(|socket| user.is_none_or(|user| socket.user.as_deref() == Some(user)))
            .map(|socket| Entry {
                user_id: socket.user.as_deref().map(str::to_owned),
                socket_id: socket.id.as_str().to_owned(),
                rooms: socket.rooms.iter().map(|room| room.to_string()).collect(),
                connected_at: self.iso(socket.since),
                last_seen: self.iso(self.connections[socket.connection as usize].seen),
            })
            .collect()
    }

    fn depth(&self, server: u32) -> Depth {
        let mut depth = Depth::default();
        for (_, connection) in &self.connections {
            let bytes = connection.outbox.bytes() as u64;
            if connection.server.id == server && bytes > 0 {
                depth.clients += 1;
                depth.bytes += bytes;
                depth.largest = depth.largest.max(bytes);
            }
        }
        depth
    }

    fn room_names(&self, namespaces: &[u32]) -> Vec<(u32, Arc<str>)> {
        let spaces = namespaces.iter().filter_map(|id| Some((*id, self.spaces.get(id)?)));
        spaces.flat_map(|(id, space)| space.names().map(move |name| (id, name.clone()))).collect()
    }

    fn ids_in(&self, namespace: u32, room: &str) -> Vec<String> {
        let Some(space) = self.spaces.get(&namespace) else {
            return Vec::new();
        };
        space.in_room(room).map(|member| self.sockets[member.socket as usize].id.as_str().to_owned()).collect()
    }

    fn rooms_of(&self, key: SocketKey) -> Vec<String> {
        let Some(socket) = self.find(key) else { return Vec::new() };
        let own = self.spaces.get(&socket.nsp.id).is_none_or(|space| space.shows(&socket.id));
        let own = own.then(|| socket.id.as_str().to_owned());
        own.into_iter().chain(socket.rooms.iter().map(|room| room.to_string())).collect()
    }
}

fn tell_of_room(server: &Server, nsp: &str, room: &str, active: bool) {
    let (nsp, room) = (json::quoted(nsp), json::quoted(room));
    let told = format!("{{\"nsp\":{nsp},\"room\":{room},\"active\":{active}}}");
    let credit = server.ledger.charge(told.len());
    server.sink.push(Event::Room(told, credit));
}

impl Server {
    /// What waits for this server's clients, and how many rooms have members.
    pub(super) fn look(self: &Arc<Self>) -> (Depth, u64) {
        let id = self.id;
        let namespaces: Vec<u32> = self.namespaces().iter().map(|nsp| nsp.id).collect();
        let looks = self.ask_all(move |shard| vec![(shard.depth(id), shard.room_names(&namespaces))]);
        let mut depth = Depth::default();
        let mut rooms: FxHashSet<(u32, Arc<str>)> = FxHashSet::default();
        for (waiting, names) in looks {
            depth.clients += waiting.clients;
            depth.bytes += waiting.bytes;
            depth.largest = depth.largest.max(waiting.largest);
            rooms.extend(names);
        }
        (depth, rooms.len() as u64)
    }

    /// All sockets of namespace `/`, or those of one user.
    pub fn presence(&self, user: Option<String>) -> Vec<Entry> {
        let Some(nsp) = self.namespace("/") else {
            return Vec::new();
        };
        let user: Option<Arc<str>> = user.map(Into::into);
        self.ask_all(move |shard| shard.entries(nsp.id, user.as_deref()))
    }

    /// The socket ids in a room.
    pub fn room_members(&self, nsp: &str, room: &str) -> Vec<String> {
        let Some(nsp) = self.namespace(nsp) else {
            return Vec::new();
        };
        let room: Arc<str> = room.into();
        self.ask_all(move |shard| shard.ids_in(nsp.id, &room))
    }

    /// The rooms of a socket, its own id first.
    pub fn socket_rooms(&self, key: SocketKey) -> Vec<String> {
        self.ask(shard_of(key), move |shard| shard.rooms_of(key))
    }

    pub(super) fn ask_all<T: Send + 'static>(
        &self,
        look: impl Fn(&mut Shard) -> Vec<T> + Clone + Send + 'static,
    ) -> Vec<T> {
        (0..self.shards()).flat_map(|shard| self.ask(shard, look.clone())).collect()
    }

    /// Asks one shard, and waits. Commands given before are carried out before.
    fn ask<T: Send + 'static>(&self, shard: usize, look: impl FnOnce(&mut Shard) -> Vec<T> + Send + 'static) -> Vec<T> {
        if self.state() == State::Closed {
            return Vec::new();
        }
        let (answer, question) = mpsc::sync_channel(1);
        self.mailbox(shard).push(Command::Run(Box::new(move |shard: &Rc<std::cell::RefCell<Shard>>| {
            let _ = answer.send(look(&mut shard.borrow_mut()));
        })));
        question.recv_timeout(PATIENCE).unwrap_or_default()
    }
}
