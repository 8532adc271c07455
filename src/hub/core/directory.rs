//! Who is here: connections, their sockets, their WebSockets, and the rooms. They name each other by ids, and only this
//! type keeps those names in step. Nothing is taken out while something is being done: it is doomed, and goes when nobody
//! holds anything.

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
        space.add(socket.id, Member { socket: id, connection: socket.connection });
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
            space.remove(&socket.id, id);
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

#[cfg(test)]
impl Directory {
    /// All sockets.
    pub fn sockets(&self) -> impl Iterator<Item = (SocketId, &Socket)> {
        self.sockets.iter()
    }

    /// What always holds between steps.
    pub fn check(&self) {
        assert!(self.doomed.is_empty(), "somebody is doomed and still here");
        for (id, connection) in self.connections.iter() {
            assert_eq!(self.sids.get(&connection.sid), Some(&id));
            assert!(connection.doom.is_none());
            for socket in connection.members.iter() {
                assert_eq!(
                    self.sockets.get(socket).map(|socket| socket.connection),
                    Some(id),
                    "a member that is not here"
                );
            }
            for link in [connection.link, connection.probe].into_iter().flatten() {
                assert_eq!(self.links.get(link).map(|link| link.connection), Some(Some(id)), "a link that is not here");
            }
        }
        assert_eq!(self.sids.len(), self.connections.len());
        for (id, socket) in self.sockets.iter() {
            let connection = self.connections.get(socket.connection).expect("a socket without a connection");
            assert!(connection.members.iter().any(|member| member == id) && socket.ending.is_none());
            if socket.stage != Stage::Joined {
                continue;
            }
            let space = &self.spaces[&socket.nsp.id];
            let member = Member { socket: id, connection: socket.connection };
            assert!(space.members().any(|other| other == member), "a socket outside of its namespace");
            for room in socket.rooms.keys() {
                assert!(space.in_room(room).any(|other| other == member), "a socket that its room does not know");
            }
        }
        for (nsp, space) in &self.spaces {
            assert!(!space.is_empty(), "a namespace without sockets");
            for member in space.members() {
                let socket = self.sockets.get(member.socket).expect("a member that is gone");
                assert!(socket.connection == member.connection && socket.nsp.id == *nsp);
            }
            let stays: usize = space.stays();
            let known: usize = space.members().map(|member| self.sockets.get(member.socket).unwrap().rooms.len()).sum();
            assert_eq!(stays, known, "a room with a member that does not know it");
        }
        for (id, link) in self.links.iter() {
            assert!(!link.doomed);
            if let Some(owner) = link.connection {
                let owner = self.connections.get(owner).expect("a link of nobody");
                assert!(owner.link == Some(id) || owner.probe == Some(id));
            }
        }
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.sockets.is_empty() && self.links.is_empty() && self.spaces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::error::Reason;
    use crate::hub::account;
    use crate::hub::core::limits::Allowance;
    use crate::hub::core::outbox::Outbox;
    use crate::hub::event::{Event, Sink};
    use crate::hub::ids::Ids;
    use crate::protocol::request::Request;
    use crate::session::engine::{Channel, Engine, Timing, Transport};
    use crate::session::socket::Sockets;

    const ENDING: Ending = Ending { reason: Reason::ForcedClose, taken_over: false };

    struct Nothing;

    impl Sink for Nothing {
        fn push(&self, _: Event) {}
    }

    impl account::Shard for Nothing {
        fn resume(&self, _: u64) {}
        fn cut(&self, _: u64) {}
    }

    /// A directory, and all ids that it ever gave.
    struct Model {
        server: Arc<Context>,
        ids: Ids,
        directory: Directory,
        connections: Vec<ConnectionId>,
        sockets: Vec<SocketId>,
        links: Vec<LinkId>,
    }

    impl Model {
        fn new() -> Self {
            let server = Arc::new(Context::new(1, Config::default(), Arc::new(Nothing), 1));
            server.declare("/other", false, false);
            let (connections, sockets, links) = (Vec::new(), Vec::new(), Vec::new());
            Self { server, ids: Ids::new(0, 1), directory: Directory::default(), connections, sockets, links }
        }

        fn connection(&mut self) -> Connection {
            let timing = Timing { ping_interval: 1, ping_timeout: 1, upgrade_timeout: 1, close_timeout: 1 };
            let seat = self.server.admit(&Request::default()).expect("there is no limit");
            Connection {
                via: 0,
                sid: self.ids.make(),
                engine: Engine::new(Transport::WebSocket, timing, 0),
                members: Sockets::new(0, 100, 1),
                outbox: Outbox::default(),
                link: None,
                probe: None,
                dirty: false,
                held: false,
                blocked: false,
                over: false,
                receiver: 0,
                seen: 0,
                identity: None,
                asked_at: 0,
                handshake: None,
                account: None,
                allowance: Allowance::new(seat),
                post_waits: false,
                leaves_by: None,
                doom: None,
                server: self.server.clone(),
            }
        }

        fn socket(&mut self, connection: ConnectionId, nsp: &str) -> Socket {
            Socket {
                connection,
                nsp: self.server.registry.get(nsp).expect("it is declared"),
                id: self.ids.make_marked(),
                stage: Stage::Waiting,
                rooms: Rooms::default(),
                joining: Vec::new(),
                told: false,
                heard: false,
                user: None,
                since: 0,
                auth: None,
                returning: None,
                refused: Vec::new(),
                track: None,
                ending: None,
            }
        }

        /// One step: `what` is done with whomever `who` names, with whatever that still finds.
        fn step(&mut self, what: u8, who: u8, room: u8) {
            let (connection, socket) = (pick(&self.connections, who), pick(&self.sockets, who));
            let link = pick(&self.links, room);
            let room: Arc<str> = ["a", "b", "c"][usize::from(room) % 3].into();
            match (what % 16, connection, socket) {
                (0 | 1, ..) => {
                    let new = self.connection();
                    self.connections.push(self.directory.open(new));
                }
                (2 | 3, Some(connection), _) => {
                    let new = self.socket(connection, if who.is_multiple_of(3) { "/other" } else { "/" });
                    let is_there = self.directory.see(connection).is_some_and(|one| one.doom.is_none());
                    let asked = if is_there { self.directory.ask(new) } else { None };
                    self.sockets.extend(asked);
                }
                (4, Some(connection), _) => self.attach(connection, who.is_multiple_of(2)),
                (5 | 6, _, Some(socket)) => {
                    let wishes = self.directory.admit(socket).unwrap_or_default();
                    for (room, stay) in &wishes {
                        self.directory.enter(socket, room, *stay);
                    }
                }
                (7..10, _, Some(socket)) => {
                    let stay = Stay { since: 0, asked: false };
                    let before = self.directory.socket(socket).is_some_and(|socket| socket.is_in(&room));
                    assert!(self.directory.enter(socket, &room, stay).is_none() || !before);
                }
                (10 | 11, _, Some(socket)) => {
                    let is_in = |one: &Socket| one.is_joined() && one.rooms.contains_key(&room);
                    let before = self.directory.socket(socket).is_some_and(is_in);
                    assert_eq!(self.directory.exit(socket, &room).is_some(), before);
                }
                (12, _, Some(socket)) => self.directory.end_socket(socket, ENDING),
                (13, Some(connection), _) => self.directory.doom(connection, Doom::Slow),
                (14, ..) => link.into_iter().for_each(|link| self.directory.drop_link(link)),
                (15, _, Some(socket)) => {
                    let name = self.ids.make_marked();
                    self.directory.rename(socket, name);
                }
                _ => {}
            }
        }

        fn attach(&mut self, connection: ConnectionId, is_main: bool) {
            let link = self.directory.attach(Link::new(self.server.clone()));
            self.links.push(link);
            let Some(found) = self.directory.connection(connection).filter(|one| one.doom.is_none()) else { return };
            let place = if is_main { &mut found.link } else { &mut found.probe };
            if place.is_some() {
                return;
            }
            *place = Some(link);
            if let Some(link) = self.directory.link(link) {
                link.connection = Some(connection);
                link.channel = if is_main { Channel::Main } else { Channel::Probe };
            }
        }

        /// As the core does it.
        fn reap(&mut self) {
            while self.directory.has_doomed() {
                for doomed in self.directory.take_doomed() {
                    match doomed {
                        Doomed::Socket(id) => self.bury(id),
                        Doomed::Connection(id) => {
                            self.directory.sockets_of(id).into_iter().for_each(|socket| self.bury(socket));
                            self.directory.bury_connection(id);
                        }
                        Doomed::Link(id) => drop(self.directory.bury_link(id)),
                    }
                }
            }
        }

        fn bury(&mut self, id: SocketId) {
            let rooms = self.directory.socket(id).map(|socket| socket.rooms.keys().cloned().collect::<Vec<_>>());
            for room in rooms.into_iter().flatten() {
                self.directory.exit(id, &room);
            }
            self.directory.bury_socket(id);
        }

        /// Whoever is selected is there, once, and is meant.
        fn select(&mut self, rooms: &[&str], except: &[&str]) {
            let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
            let to = Selection { rooms: names(rooms), except: names(except) };
            let nsp = self.server.registry.get("/").expect("it is there").id;
            let mut selected = Vec::new();
            self.directory.visit(nsp, &to, |member, _, _| selected.push(member.socket));
            let meant =
                |socket: &Socket| socket.is_joined() && socket.nsp.id == nsp && to.selects(|room| socket.is_in(room));
            let mut expected: Vec<SocketId> =
                self.directory.sockets().filter(|(_, socket)| meant(socket)).map(|(id, _)| id).collect();
            expected.sort_unstable();
            selected.sort_unstable();
            assert_eq!(selected, expected);
        }
    }

    fn pick<T: Copy>(from: &[T], which: u8) -> Option<T> {
        (!from.is_empty()).then(|| from[usize::from(which) % from.len()])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn names_stay_in_step_whatever_is_done(steps in prop::collection::vec(any::<(u8, u8, u8)>(), 0..400)) {
            let mut model = Model::new();
            for (place, (what, who, room)) in steps.into_iter().enumerate() {
                model.step(what, who, room);
                if place % 3 == 0 {
                    model.reap();
                    model.directory.check();
                    model.select(&["a", "b"], &["c"]);
                }
            }
            model.connections.clone().into_iter().for_each(|id| model.directory.doom(id, Doom::Gone));
            model.links.clone().into_iter().for_each(|id| model.directory.drop_link(id));
            model.reap();
            prop_assert!(model.directory.is_empty());
        }
    }
}
