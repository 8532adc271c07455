//! Who is there. An entry is the socket itself, so it lives exactly as long; a look asks the shards.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::command::{Command, SocketKey};
use super::counters::Depth;
use super::membership::shard_of;
use super::server::{Server, State};
use super::shard::Shard;
use crate::events;
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

impl Shard {
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

impl Server {
    /// What waits for this server's clients, and how many rooms have members.
    pub(super) fn look(self: &Arc<Self>) -> (Depth, u64) {
        let id = self.id;
        let namespaces = self.namespace_ids();
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

    fn ask_all<T: Send + 'static>(&self, look: impl Fn(&Shard) -> Vec<T> + Clone + Send + 'static) -> Vec<T> {
        (0..self.shards()).flat_map(|shard| self.ask(shard, look.clone())).collect()
    }

    /// Asks one shard, and waits. Commands given before are carried out before.
    fn ask<T: Send + 'static>(&self, shard: usize, look: impl FnOnce(&Shard) -> Vec<T> + Send + 'static) -> Vec<T> {
        if self.state() == State::Closed {
            return Vec::new();
        }
        let (answer, question) = mpsc::sync_channel(1);
        self.mailbox(shard).push(Command::Run(Box::new(move |shard: &Rc<std::cell::RefCell<Shard>>| {
            let _ = answer.send(look(&shard.borrow()));
        })));
        question.recv_timeout(PATIENCE).unwrap_or_default()
    }
}
