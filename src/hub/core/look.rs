//! What can be asked of a shard, and its answers: data, both.

use std::sync::Arc;

use serde::Serialize;

use super::access::Ended;
use super::asking::Asking;
use super::connection::{Connection, ConnectionId};
use super::effect::Effect;
use super::socket::SocketId;
use super::space::Member;
use super::{Core, Now};
use crate::error::Reason;
use crate::hub::event::{ConnectionKey, SocketKey, eye};
use crate::hub::ids::Id;
use crate::hub::message::Selection;

/// A question to every shard, or to one.
#[allow(missing_docs)] // Of fields: the variants' comments tell.
#[derive(Debug, Clone)]
pub enum Question {
    /// The sockets of a namespace, or those of one user, or of one room.
    Sockets { nsp: u32, user: Option<Arc<str>>, room: Option<Arc<str>> },
    /// The socket ids in a room.
    Members { nsp: u32, room: Arc<str> },
    /// The rooms of a socket, its own id first.
    RoomsOf { socket: SocketKey },
    /// How a connection is.
    Line { connection: ConnectionKey },
    /// All connections of a server end.
    EndLines { server: u32 },
    /// The selected sockets of a namespace, with more or less of each.
    Find { nsp: u32, to: Selection, depth: Detail },
    /// The rooms of a namespace with their members, the sockets' own among them.
    Rooms { nsp: u32 },
    /// The same; from now on JavaScript hears of each who comes or leaves, or (`on: false`) no more.
    Watch { nsp: u32, on: bool },
    /// Sends an event that asks all who get it: how many they are.
    AskAll(Box<Asking>),
    /// A namespace is over.
    Forget { nsp: u32 },
    /// What waits for a server's clients.
    Waiting { server: u32 },
    /// A user or a session ends: how many sockets that were.
    End { server: u32, ended: Ended },
    /// The connections that came by an HTTP server are closed: how many that were.
    Close { server: u32, via: u32 },
}

/// A shard's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// Sockets.
    Sockets(Vec<Entry>),
    /// Names of rooms, or ids of sockets.
    Names(Vec<String>),
    /// What waits.
    Waiting(Depth),
    /// How many.
    Count(usize),
    /// Sockets, for JavaScript.
    Found(Vec<Found>),
    /// Rooms, each with the ids of its members.
    Rooms(Vec<(String, Vec<String>)>),
}

/// What is told of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Its key and its id.
    Id,
    /// Its rooms, too.
    Rooms,
    /// Of one that JavaScript does not know, also its rooms and how it came.
    Unknown,
    /// That of each.
    All,
    /// How each came that JavaScript does not know: it knows it from now on, and hears of it as of others.
    Adopt,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// By which JavaScript names it.
    pub key: SocketKey,
    /// Its id.
    pub id: String,
    /// Its own first.
    pub rooms: Option<Vec<String>>,
    /// The binding's ConnectInfo, JSON.
    pub info: Option<String>,
}

/// One socket of the nself layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

/// What waits on the shards, by a look at them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Depth {
    /// Clients for whom something waits.
    pub clients: u64,
    /// Bytes that wait for all of them.
    pub bytes: u64,
    /// Bytes that wait for the one that is furthest behind.
    pub largest: u64,
}

impl Core {
    /// Answers a question. What came before it has been done.
    pub fn ask(&mut self, now: Now, question: &Question, out: &mut Vec<Effect>) -> Answers {
        let mut answers = Answers::Count(0);
        self.step(now, out, |core| {
            core.settle_all();
            answers = core.answer_question(question);
        });
        answers
    }

    fn answer_question(&mut self, question: &Question) -> Answers {
        match question {
            Question::Sockets { nsp, user, room } => Answers::Sockets(self.entries(*nsp, user.as_ref(), room.as_ref())),
            Question::Members { nsp, room } => Answers::Names(self.ids_in(*nsp, room)),
            Question::RoomsOf { socket } => Answers::Names(self.rooms_of(*socket)),
            Question::Line { connection } => Answers::Names(self.line_state(*connection).into_iter().collect()),
            Question::EndLines { server } => Answers::Count(self.end_lines(*server)),
            Question::Find { nsp, to, depth } => Answers::Found(self.find_all(*nsp, to, *depth)),
            Question::Rooms { nsp } => Answers::Rooms(self.table(*nsp)),
            Question::Watch { nsp, on } => Answers::Rooms(self.watch(*nsp, *on)),
            Question::AskAll(asking) => Answers::Count(self.ask_all(asking)),
            Question::Forget { nsp } => {
                self.recovery.forget_namespace(*nsp);
                self.watched.remove(nsp);
                Answers::Count(0)
            }
            Question::Waiting { server } => Answers::Waiting(self.depth(*server)),
            Question::End { server, ended } => Answers::Count(self.end(*server, ended)),
            Question::Close { server, via } => Answers::Count(self.close_via(*server, *via)),
        }
    }

    fn entries(&self, nsp: u32, user: Option<&Arc<str>>, room: Option<&Arc<str>>) -> Vec<Entry> {
        let Some(space) = self.directory.space(nsp) else { return Vec::new() };
        let members: Vec<Member> = match (room, user) {
            (Some(room), _) => space.in_room(room).collect(),
            (None, Some(user)) => space.of_user(user).collect(),
            (None, None) => space.members().collect(),
        };
        let sockets = members.into_iter().filter_map(|member| {
            let socket = self.directory.socket(member.socket)?;
            Some((socket, self.directory.see(member.connection)?))
        });
        sockets
            .filter(|(socket, _)| user.is_none_or(|user| socket.user.as_ref() == Some(user)))
            .map(|(socket, connection)| Entry {
                user_id: socket.user.as_deref().map(str::to_owned),
                socket_id: socket.id.as_str().to_owned(),
                // Of one room: what else they are in is not told.
                rooms: socket
                    .rooms
                    .keys()
                    .filter(|one| room.is_none_or(|room| room == *one))
                    .map(|room| room.to_string())
                    .collect(),
                connected_at: self.iso(socket.since),
                last_seen: self.iso(connection.seen),
            })
            .collect()
    }

    fn ids_in(&self, nsp: u32, room: &str) -> Vec<String> {
        let Some(space) = self.directory.space(nsp) else { return Vec::new() };
        let sockets = space.in_room(room).filter_map(|member| self.directory.socket(member.socket));
        sockets.map(|socket| socket.id.as_str().to_owned()).collect()
    }

    fn find_all(&mut self, nsp: u32, to: &Selection, depth: Detail) -> Vec<Found> {
        let mut selected = Vec::new();
        if let Some(space) = self.directory.space(nsp) {
            space.select(to, |member| selected.push(member.socket));
        }
        selected.into_iter().filter_map(|id| self.found(id, depth)).collect()
    }

    fn found(&mut self, id: SocketId, depth: Detail) -> Option<Found> {
        let socket = self.directory.socket(id)?;
        let (key, name, told) = (self.key(id), socket.id.as_str().to_owned(), socket.told);
        let is_known = self.directory.see(socket.connection)?.identity.is_some();
        let rooms = match depth {
            Detail::Id => false,
            Detail::Rooms | Detail::All => true,
            Detail::Unknown | Detail::Adopt => !told,
        };
        let rooms = rooms.then(|| self.rooms_of(key));
        let info = match depth {
            Detail::Id | Detail::Rooms => None,
            Detail::All => self.connect_info(id, is_known),
            Detail::Unknown | Detail::Adopt => (!told).then(|| self.connect_info(id, is_known)).flatten(),
        };
        if depth == Detail::Adopt {
            let (socket, connection) = self.directory.pair(id)?;
            (socket.told, socket.auth) = (true, None);
            connection.eye |= eye::UPGRADE;
        }
        Some(Found { key, id: name, rooms, info })
    }

    /// The rooms of a namespace with their members.
    pub(super) fn table(&self, nsp: u32) -> Vec<(String, Vec<String>)> {
        let Some(space) = self.directory.space(nsp) else { return Vec::new() };
        let name = |member: Member| self.directory.socket(member.socket).map(|socket| socket.id.as_str().to_owned());
        let own = space.members().filter_map(name).filter(|id| Id::parse(id).is_some_and(|id| space.shows(&id)));
        let own = own.map(|id| (id.clone(), vec![id]));
        let others = space.rooms().map(|room| {
            let members = space.members_of(room).filter_map(name).collect();
            (room.to_string(), members)
        });
        own.chain(others).collect()
    }

    fn rooms_of(&self, key: SocketKey) -> Vec<String> {
        let Some(socket) = self.find(key).and_then(|id| self.directory.socket(id)) else { return Vec::new() };
        let own = self.directory.space(socket.nsp.id).is_none_or(|space| space.shows(&socket.id));
        let own = own.then(|| socket.id.as_str().to_owned());
        own.into_iter().chain(socket.rooms.keys().map(|room| room.to_string())).collect()
    }

    fn depth(&self, server: u32) -> Depth {
        let mut depth = Depth::default();
        for (_, connection) in self.directory.connections().filter(|(_, connection)| connection.server.id == server) {
            let bytes = connection.outbox.bytes() as u64;
            if bytes > 0 {
                depth.clients += 1;
                depth.bytes += bytes;
                depth.largest = depth.largest.max(bytes);
            }
        }
        depth
    }

    /// Ends the connections of a user or a session, and what could be recovered of them. Returns how many sockets that were.
    fn end(&mut self, server: u32, ended: &Ended) -> usize {
        self.endings.note(server, ended);
        self.end_away(server, ended);
        let theirs = self.directory.connections().filter(|(_, connection)| {
            connection.server.id == server && connection.identity.as_ref().is_some_and(|identity| ended.is_of(identity))
        });
        let theirs: Vec<ConnectionId> = theirs.map(|(id, _)| id).collect();
        theirs.into_iter().map(|id| self.expel(id)).sum()
    }

    fn close_via(&mut self, server: u32, via: u32) -> usize {
        let came = |connection: &Connection| connection.server.id == server && connection.via == via;
        let theirs = self.directory.connections().filter(|(_, connection)| came(connection));
        let theirs: Vec<ConnectionId> = theirs.map(|(id, _)| id).collect();
        for id in &theirs {
            self.close_connection(*id, Reason::ForcedClose);
        }
        theirs.len()
    }
}
