//! How sockets come into a namespace: who asks is known by a ticket, or JavaScript decides, or everybody may.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::access::{Identity, identify, refusal, show_ticket};
use super::connection::{ConnectionId, Ending, Wish};
use super::effect::Effect;
use super::line::{token_json, transport_name};
use super::recovery::{Returning, Track, presented};
use super::socket::{Rooms, Socket, SocketId, Stage, key_of};
use super::{Core, Due};
use crate::error::Reason;
use crate::hub::context::State;
use crate::hub::counters::Denial;
use crate::hub::event::{self, Arrival, Event, SocketKey, eye};
use crate::hub::registry::{Memory, Namespace, Owner, Resolved};
use crate::protocol::json;
use crate::protocol::socket::{self as wire, Kind};

/// `socket.handshake` of a connection whose handshake nobody wanted to know when it came.
const UNKNOWN: &str = "{\"headers\":{},\"time\":\"\",\"address\":\"\",\"xdomain\":false,\"secure\":false,\"issued\":0,\"url\":\"\",\"query\":{}}";

const INVALID: &str = "{\"message\":\"Invalid namespace\"}";

impl Core {
    /// CONNECT.
    pub(super) fn connect(&mut self, id: ConnectionId, name: &str, auth: Option<&str>) {
        let Some(connection) = self.directory.see(id) else { return };
        match connection.server.registry.resolve(name) {
            Resolved::Known(nsp) => self.connect_to(id, nsp, auth),
            Resolved::Ask => self.wish_for(id, name, auth),
            Resolved::Unknown => self.refuse_connect(id, name, INVALID),
        }
    }

    /// A client asks for a namespace that only JavaScript can make.
    fn wish_for(&mut self, id: ConnectionId, name: &str, auth: Option<&str>) {
        let Some(connection) = self.directory.connection(id) else { return };
        let server = connection.server.clone();
        if server.state() != State::Open {
            return;
        }
        if let Some(wish) = connection.wishes.iter_mut().find(|wish| *wish.name == *name) {
            // It asks again before it was answered.
            wish.auth = auth.map(Into::into);
            return;
        }
        if !server.reserve_decision() {
            return self.refuse_busy(id, name);
        }
        let info = format!("{{\"name\":{},\"auth\":{}}}", json::quoted(name), auth.unwrap_or("{}"));
        let Some(credit) = self.charge(id, info.len()) else { return };
        let (token, connection) = (self.next_token(), key_of(self.index, id));
        if let Some(connection) = self.directory.connection(id) {
            connection.wishes.push(Wish { token, name: name.into(), auth: auth.map(Into::into) });
        }
        let wish = event::Wish { connection, token, info, credit };
        self.effects.push(Effect::Tell(server, Event::Namespace(Box::new(wish))));
    }

    /// JavaScript has made the namespace that a client asked for, or there is none.
    pub(super) fn wish_decided(&mut self, connection: u64, token: u32) {
        let id = ConnectionId::from_bits(connection);
        let Some(connection) = self.directory.connection(id) else { return };
        let Some(place) = connection.wishes.iter().position(|wish| wish.token == token) else { return };
        let Wish { name, auth, .. } = connection.wishes.swap_remove(place);
        match connection.server.registry.get(&name) {
            Some(nsp) => self.connect_to(id, nsp, auth.as_deref()),
            None => self.refuse_connect(id, &name, INVALID),
        }
    }

    fn connect_to(&mut self, id: ConnectionId, nsp: Arc<Namespace>, auth: Option<&str>) {
        let name = &*nsp.name.clone();
        let Some(connection) = self.directory.connection(id) else { return };
        let server = connection.server.clone();
        if server.state() != State::Open {
            return;
        }
        if connection.members.iter().next().is_none() {
            connection.asked_at = self.endings.now();
        }
        let was_known = connection.identity.is_some();
        if let Err((denial, error)) = self.show(id, auth) {
            server.counters(self.index).denied(denial);
            return self.refuse_connect(id, name, &error);
        }
        let is_known = self.directory.see(id).is_some_and(|connection| connection.identity.is_some());
        self.rearm(id);
        let returning = nsp.memory.as_ref().and_then(|memory| returning(memory, auth?));
        let skips = nsp.memory.as_ref().is_some_and(|memory| memory.options.skip_middlewares) && returning.is_some();
        let asks = nsp.ask.load(Relaxed) && !skips || server.config.access.authenticate && !is_known;
        // JavaScript keeps what it said of a connection for as long as it knows of a socket there.
        let heard = nsp.listen.load(Relaxed) || was_known && server.config.access.authenticate;
        if asks && !server.reserve_decision() {
            return self.refuse_busy(id, name);
        }
        let socket = Socket {
            connection: id,
            nsp,
            id: self.ids.make_marked(),
            stage: if asks { Stage::Asking } else { Stage::Waiting },
            rooms: Rooms::default(),
            joining: Vec::new(),
            asks: Vec::new(),
            told: asks,
            heard,
            user: None,
            since: self.millis(),
            auth: (asks || heard || !server.config.nself).then(|| auth.unwrap_or("{}").into()),
            returning: returning.map(Box::new),
            refused: Vec::new(),
            track: None,
            ending: None,
        };
        let Some(socket) = self.directory.ask(socket) else { return };
        if is_known || !asks {
            self.name_user(socket);
        }
        if asks { self.ask_javascript(socket, is_known) } else { self.admissions.push(socket) }
    }

    /// JavaScript decides on a socket.
    fn ask_javascript(&mut self, socket: SocketId, is_known: bool) {
        self.endings.wait();
        if let Some(socket) = self.directory.socket_mut(socket)
            && let Some(returning) = &mut socket.returning
        {
            returning.offered = true;
        }
        if let Some(arrival) = self.arrival(socket, is_known) {
            self.tell_server(socket, Event::Connecting(arrival));
        }
    }

    /// Takes in what a client's ticket says. The error is what the client is told.
    fn show(&mut self, id: ConnectionId, auth: Option<&str>) -> Result<(), (Denial, String)> {
        let now = self.now;
        let Some(connection) = self.directory.connection(id) else { return Ok(()) };
        let server = connection.server.clone();
        let Some(ticket) = show_ticket(&server.config.access, connection, auth, now.wall)? else { return Ok(()) };
        let made = identify(connection, &self.endings, ticket, now.micros, now.wall);
        made.map(drop).map_err(|error| (Denial::Ticket, error.to_owned()))
    }

    /// Too many wait for JavaScript's decision.
    fn refuse_busy(&mut self, id: ConnectionId, nsp: &str) {
        let Some(connection) = self.directory.connection(id) else { return };
        connection.server.counters(self.index).denied(Denial::Busy);
        if connection.members.iter().next().is_none() {
            connection.forget_identity();
        }
        self.refuse_connect(id, nsp, &refusal("ERR_BUSY", "too many clients are connecting; try again"));
    }

    pub(super) fn refuse_connect(&mut self, id: ConnectionId, nsp: &str, error: &str) {
        self.push(id, &[wire::encode_text(Kind::ConnectError, nsp, None, error)]);
    }

    /// What JavaScript is told of a socket. A client is not read on when too much of it waits.
    fn arrival(&mut self, id: SocketId, is_known: bool) -> Option<Box<Arrival>> {
        let info = self.connect_info(id, is_known)?;
        let owner = self.directory.socket(id)?.connection;
        self.directory.connection(owner)?.eye |= eye::UPGRADE;
        let credit = self.charge(owner, info.len())?;
        Some(Box::new(Arrival { socket: self.key(id), info, credit }))
    }

    pub(super) fn connect_info(&self, id: SocketId, is_known: bool) -> Option<String> {
        let socket = self.directory.socket(id)?;
        let connection = self.directory.see(socket.connection)?;
        let user = |user: Option<&str>| user.map_or("null".into(), json::quoted);
        let offer = socket.returning.as_ref().filter(|_| !socket.is_joined()).map_or(String::new(), |returning| {
            let user = user(returning.user.as_deref());
            format!(",\"session\":{{\"id\":\"{}\",\"userId\":{user}}}", returning.id.as_str())
        });
        Some(format!(
            "{{\"id\":\"{}\",\"nsp\":{},\"connection\":{},\"sid\":\"{}\",\"transport\":\"{}\",\"token\":{},\"auth\":{},\"userId\":{},\"known\":{is_known},\"recovered\":{}{offer},\"handshake\":{}}}",
            socket.id.as_str(),
            json::quoted(&socket.nsp.name),
            self.line_key(socket.connection),
            connection.sid.as_str(),
            transport_name(connection),
            token_json(connection),
            socket.auth.as_deref().unwrap_or("{}"),
            user(socket.user.as_deref()),
            socket.is_joined() && socket.returning.is_some(),
            connection.handshake.as_deref().unwrap_or(UNKNOWN),
        ))
    }

    /// Lets in those who asked for an open namespace. A client may speak to it only after its answer, so this comes
    /// behind the input in which it asked.
    pub(super) fn admit_waiting(&mut self) {
        for id in std::mem::take(&mut self.admissions) {
            let is_waiting = |socket: &Socket| socket.stage == Stage::Waiting && socket.ending.is_none();
            if self.directory.socket(id).is_some_and(is_waiting) {
                self.let_in(id);
            }
        }
    }

    /// JavaScript lets a socket in.
    pub(super) fn accept(&mut self, key: SocketKey, identity: Identity) {
        let Some(id) = self.asking(key) else { return };
        let now = self.now;
        let Some((socket, connection)) = self.directory.pair(id) else { return };
        let owner = socket.connection;
        if let Err(error) = identify(connection, &self.endings, identity, now.micros, now.wall) {
            // JavaScript takes it for one that is in.
            let info = format!("{{\"reason\":\"{}\",\"rooms\":[]}}", Reason::ServerKicked);
            let Some(server) = self.directory.server_of(id) else { return };
            let credit = server.ledger.charge(info.len());
            self.tell_server(id, Event::Disconnect(key, info, credit));
            return self.deny(key, error);
        }
        self.rearm(owner);
        self.name_user(id);
        self.let_in(id);
    }

    fn asking(&self, key: SocketKey) -> Option<SocketId> {
        self.find(key).filter(|id| self.directory.socket(*id).is_some_and(|socket| socket.stage == Stage::Asking))
    }

    /// Gives a socket the user of its connection.
    fn name_user(&mut self, id: SocketId) {
        if let Some((socket, connection)) = self.directory.pair(id) {
            socket.user = connection.user();
        }
    }

    /// A socket may come in: with the session that its client had, if it is that user's, or as a new one.
    fn let_in(&mut self, id: SocketId) {
        self.decided(id);
        let Some(socket) = self.directory.socket_mut(id) else { return };
        if socket.returning.take_if(|returning| returning.user != socket.user).is_some() {
            // Rooms and events stay those of whom they were for.
        }
        if socket.returning.is_some() { self.take_up(id) } else { self.admit(id) }
    }

    /// Lets a socket in as a new one: `40` goes out before anything else to it.
    pub(super) fn admit(&mut self, id: SocketId) {
        let Some(rooms) = self.directory.admit(id) else { return };
        let since = self.directory.socket(id).map_or(0, |socket| self.recovery.cursor(socket.nsp.id));
        let (shard, pid) = (self.index, self.ids.make());
        let Some((socket, connection)) = self.directory.pair(id) else { return };
        connection.server.counters(shard).sockets.up();
        if let Some(memory) = &socket.nsp.memory {
            socket.track = Some(Box::new(Track::new(pid, since)));
            memory.own(pid, Owner { shard, id: socket.id, user: socket.user.clone() });
            self.recovery.present.insert(pid, id);
        }
        self.say_connected(id);
        self.tell_own_stay(id, true);
        for (room, stay) in &rooms {
            self.enter(id, room, stay.asked);
        }
        self.tell_connected(id);
    }

    pub(super) fn say_connected(&mut self, id: SocketId) {
        let Some(socket) = self.directory.socket(id) else { return };
        let pid = socket.track.as_ref().map_or(String::new(), |track| format!(",\"pid\":\"{}\"", track.pid.as_str()));
        let reply = format!("{{\"sid\":\"{}\"{pid}}}", socket.id.as_str());
        let (owner, frame) = (socket.connection, wire::encode_text(Kind::Connect, &socket.nsp.name, None, &reply));
        self.push(owner, &[frame]);
    }

    /// JavaScript is told of a socket that is in, if it was not asked about it and wants to know.
    pub(super) fn tell_connected(&mut self, id: SocketId) {
        let Some((socket, connection)) = self.directory.pair(id) else { return };
        let is_known = connection.identity.is_some();
        // Somebody may listen now who did not when it asked.
        let is_heard = socket.heard || socket.nsp.listen.load(Relaxed);
        if socket.told || !is_heard {
            socket.returning = None;
            // Somebody may ask later how it came.
            if socket.told || connection.server.config.nself {
                socket.auth = None;
            }
            return;
        }
        socket.told = true;
        let arrival = self.arrival(id, is_known);
        if let Some(socket) = self.directory.socket_mut(id) {
            (socket.auth, socket.returning) = (None, None);
        }
        if let Some(arrival) = arrival {
            self.tell_server(id, Event::Connect(arrival));
        }
    }

    /// JavaScript refuses a socket. The connection stays, and may try again.
    pub(super) fn deny(&mut self, key: SocketKey, error: &str) {
        let Some(id) = self.asking(key) else { return };
        self.decided(id);
        let Some((socket, connection)) = self.directory.pair(id) else { return };
        connection.server.counters(self.index).denied(Denial::Authentication);
        // It knows of the end: it is its own word.
        socket.told = false;
        let (owner, name) = (socket.connection, socket.nsp.name.clone());
        self.directory.end_socket(id, Ending { reason: Reason::ServerKicked, taken_over: false });
        self.refuse_connect(owner, &name, error);
    }

    /// JavaScript has decided on a socket, or need not any more.
    pub(super) fn decided(&mut self, id: SocketId) {
        if let Some(socket) = self.directory.socket_mut(id)
            && socket.stage == Stage::Asking
        {
            socket.stage = Stage::Waiting;
            self.endings.answered();
        }
    }

    /// A session is kept no longer.
    pub(super) fn forget_session(&mut self, pid: &crate::hub::ids::Id) {
        self.deadlines.clear(&Due::Away((*pid).into()));
        if let Some(away) = self.recovery.away.remove(pid)
            && let Some(memory) = &away.nsp.memory
        {
            memory.disown(pid, self.index);
        }
    }
}

/// The session that a client wants to take up, if there is one.
fn returning(memory: &Memory, auth: &str) -> Option<Returning> {
    let (pid, mark) = presented(auth)?;
    let Owner { id, user, .. } = memory.owner(&pid)?;
    Some(Returning { pid, mark, id, user, offered: false, session: None, lacks_from: 0 })
}
