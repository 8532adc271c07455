//! Who is here: connections, their sockets, their WebSockets, and the rooms. They name each other by ids, and only this
//! type keeps those names in step. Nothing is taken out while something is being done: it is doomed, and goes when nobody
//! holds anything.

#[cfg(any(test, fuzzing))]
mod check;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::arena::Arena;
use super::connection::{Connection, ConnectionId, Doom, Ending};
use super::link::{Link, LinkId};
use super::socket::{Rooms, Socket, SocketId, Stage, Stay};
use super::space::{Joined, Member, Space};
use crate::hub::context::Context;
use crate::hub::ids::Id;
use crate::hub::message::Selection;

/// What goes at the end of the step.
#[derive(Debug, Clone, Copy)]
pub enum Doomed {
    /// A socket; its connection may stay.
    Socket(SocketId),
    /// A connection, when its sockets have gone.
    Connection(ConnectionId),
    /// A WebSocket.
    Link(LinkId),
}

/// Who is here.
#[derive(Default)]
pub struct Directory {
    connections: Arena<Connection>,
    sockets: Arena<Socket>,
    links: Arena<Link>,
    sids: FxHashMap<Id, ConnectionId>,
    spaces: FxHashMap<u32, Space>,
    doomed: Vec<Doomed>,
}

/// What leaving a room came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How it was in it.
    pub stay: Stay,
    /// The room has nobody left here.
    pub last: bool,
}

impl Directory {
    /// Takes a connection in.
    pub fn open(&mut self, connection: Connection) -> ConnectionId {
        let sid = connection.sid;
        let id = self.connections.insert(connection);
        self.sids.insert(sid, id);
        id
    }

    /// Takes a socket in that asks for a namespace. None: its connection is not there.
    pub fn ask(&mut self, socket: Socket) -> Option<SocketId> {
        let name = socket.nsp.name.clone();
        let connection = self.connections.get_mut(socket.connection)?;
        let id = self.sockets.insert(socket);
        connection.members.ask(name, id);
        Some(id)
    }

    /// Takes a WebSocket in.
    pub fn attach(&mut self, link: Link) -> LinkId {
        self.links.insert(link)
    }

    /// A connection.
    pub fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id)
    }

    /// A connection, to look at.
    pub fn see(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(id)
    }

    /// All connections.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.connections.iter()
    }

    /// A connection by its session's id.
    pub fn by_sid(&self, sid: &Id) -> Option<ConnectionId> {
        self.sids.get(sid).copied()
    }

    /// A socket.
    pub fn socket(&self, id: SocketId) -> Option<&Socket> {
        self.sockets.get(id)
    }

    /// A socket, to change.
    pub fn socket_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.sockets.get_mut(id)
    }

    /// A socket and the connection under it.
    pub fn pair(&mut self, id: SocketId) -> Option<(&mut Socket, &mut Connection)> {
        let socket = self.sockets.get_mut(id)?;
        let connection = self.connections.get_mut(socket.connection)?;
        Some((socket, connection))
    }

    /// The sockets of a connection.
    pub fn sockets_of(&self, id: ConnectionId) -> Vec<SocketId> {
        self.connections.get(id).map(|connection| connection.members.iter().collect()).unwrap_or_default()
    }

    /// The server of a socket.
    pub fn server_of(&self, id: SocketId) -> Option<&Arc<Context>> {
        Some(&self.connections.get(self.sockets.get(id)?.connection)?.server)
    }

    /// A WebSocket.
    pub fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(id)
    }

    /// A WebSocket, to look at.
    pub fn see_link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(id)
    }

    /// All WebSockets.
    pub fn links(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter()
    }

    /// What a WebSocket has to write: the outbox of the connection whose transport it is, or its own.
    pub fn outgoing(&mut self, id: LinkId) -> Option<&mut super::outbox::Outbox> {
        let link = self.links.get_mut(id)?;
        match link.owner() {
            Some(owner) => self.connections.get_mut(owner).map(|connection| &mut connection.outbox),
            None => Some(&mut link.tail),
        }
    }

    /// A namespace's part here.
    pub fn space(&self, nsp: u32) -> Option<&Space> {
        self.spaces.get(&nsp)
    }

    /// Calls `visit` once for each selected socket, with all connections and sockets.
    pub fn visit(
        &mut self,
        nsp: u32,
        to: &Selection,
        mut visit: impl FnMut(Member, &mut Arena<Connection>, &mut Arena<Socket>),
    ) -> Option<&Space> {
        let Self { connections, sockets, spaces, .. } = self;
        let space = spaces.get(&nsp)?;
        space.select(to, |member| visit(member, connections, sockets));
        Some(space)
    }

    /// Lets a socket into its namespace, without rooms. Returns the rooms that it had before, in its own or a middleware's
    /// wish.
    pub fn admit(&mut self, id: SocketId) -> Option<Rooms> {
        let socket = self.sockets.get_mut(id).filter(|socket| socket.stage != Stage::Joined)?;
        let connection = self.connections.get_mut(socket.connection)?;
        socket.stage = Stage::Joined;
        connection.members.join(id);
        let (server, nsp) = (&connection.server, &socket.nsp);
        let space = self.spaces.entry(nsp.id).or_insert_with(|| Space::new(server.clone(), nsp.clone()));
        space.add(socket.id, socket.user.as_ref(), Member { socket: id, connection: socket.connection });
        Some(std::mem::take(&mut socket.rooms))
    }

    /// Puts a socket into a room. None: it is there already, or cannot be in a room.
    pub fn enter(&mut self, id: SocketId, room: &Arc<str>, stay: Stay) -> Option<Joined> {
        let socket = self.sockets.get_mut(id)?;
        if socket.stage != Stage::Joined {
            // A middleware's wish: it comes true if the socket is let in, and is gone with it otherwise.
            socket.rooms.entry(room.clone()).or_insert(stay);
            return None;
        }
        let space = self.spaces.get_mut(&socket.nsp.id)?;
        let member = Member { socket: id, connection: socket.connection };
        if **room == *socket.id.as_str() {
            space.show(socket.id, member);
            return None;
        }
        let joined = space.join(room, member);
        if joined == Joined::Already {
            return None;
        }
        socket.rooms.insert(room.clone(), stay);
        Some(joined)
    }

    /// Takes a socket out of a room. None: it was not in it.
    pub fn exit(&mut self, id: SocketId, room: &str) -> Option<(Arc<str>, Left)> {
        let socket = self.sockets.get_mut(id)?;
        if *room == *socket.id.as_str() {
            if let Some(space) = self.spaces.get_mut(&socket.nsp.id) {
                space.hide(&socket.id);
            }
            return None;
        }
        let (room, stay) = socket.rooms.swap_remove_entry(room)?;
        let space = self.spaces.get_mut(&socket.nsp.id).filter(|_| socket.stage == Stage::Joined)?;
        let last = space.leave(&room, id);
        Some((room, Left { stay, last }))
    }

    /// A socket goes at the end of the step. The first reason counts.
    pub fn end_socket(&mut self, id: SocketId, ending: Ending) {
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.ending.is_none()
        {
            socket.ending = Some(ending);
            self.doomed.push(Doomed::Socket(id));
        }
    }

    /// A connection goes at the end of the step. That it is over weighs more than that it is slow.
    pub fn doom(&mut self, id: ConnectionId, doom: Doom) {
        if let Some(connection) = self.connections.get_mut(id) {
            if connection.doom.is_none() {
                self.doomed.push(Doomed::Connection(id));
            }
            if connection.doom != Some(Doom::Gone) {
                connection.doom = Some(doom);
            }
        }
    }

    /// A WebSocket goes at the end of the step.
    pub fn drop_link(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(id)
            && !std::mem::replace(&mut link.doomed, true)
        {
            self.doomed.push(Doomed::Link(id));
        }
    }

    /// What goes now.
    pub fn take_doomed(&mut self) -> Vec<Doomed> {
        std::mem::take(&mut self.doomed)
    }

    /// Whether something is to go.
    pub fn has_doomed(&self) -> bool {
        !self.doomed.is_empty()
    }

    /// Takes a socket out, which has left its rooms. For `reap` alone.
    pub fn bury_socket(&mut self, id: SocketId) -> Option<Socket> {
        let socket = self.sockets.remove(id)?;
        if let Some(connection) = self.connections.get_mut(socket.connection) {
            connection.members.remove(id);
            if connection.members.iter().next().is_none() {
                connection.forget_identity();
            }
        }
        if socket.stage == Stage::Joined
            && let Some(space) = self.spaces.get_mut(&socket.nsp.id)
        {
            space.remove(&socket.id, socket.user.as_ref(), id);
            if space.is_empty() {
                self.spaces.remove(&socket.nsp.id);
            }
        }
        Some(socket)
    }

    /// Takes a connection out, which has no sockets left. For `reap` alone.
    pub fn bury_connection(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.connections.remove(id)?;
        self.sids.remove(&connection.sid);
        for link in [connection.link, connection.probe].into_iter().flatten() {
            self.drop_link(link);
        }
        Some(connection)
    }

    /// Takes a WebSocket out. For `reap` alone.
    pub fn bury_link(&mut self, id: LinkId) -> Option<Link> {
        let link = self.links.remove(id)?;
        if let Some(connection) = link.connection.and_then(|id| self.connections.get_mut(id)) {
            connection.link.take_if(|own| *own == id);
            connection.probe.take_if(|own| *own == id);
        }
        Some(link)
    }

    /// Gives a socket another id, before it is let in.
    pub fn rename(&mut self, id: SocketId, name: Id) {
        if let Some(socket) = self.sockets.get_mut(id).filter(|socket| socket.stage != Stage::Joined) {
            socket.id = name;
        }
    }
}
