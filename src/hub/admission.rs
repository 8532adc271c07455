//! How sockets come into a namespace: who asks is known by a ticket, or JavaScript decides, or everybody may.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::command::SocketKey;
use super::counters::Denial;
use super::identity::Identity;
use super::membership::{SERIAL_MASK, Socket};
use super::recovery::Restored;
use super::rooms::Member;
use super::server::{Arrival, Event, State};
use super::shard::{Key, Shard};
use crate::error::Reason;
use crate::guard::ticket::Bad;
use crate::protocol::json;
use crate::protocol::socket::{self, Kind};

impl Shard {
    /// CONNECT.
    pub(super) fn connect(&mut self, key: Key, name: &str, auth: Option<&str>) {
        let Some(connection) = self.connection(key) else {
            return;
        };
        let server = connection.server.clone();
        if server.state() != State::Open {
            return;
        }
        let Some(nsp) = server.namespace(name) else {
            return self.refuse_connect(key, name, "{\"message\":\"Invalid namespace\"}");
        };
        if connection.members.iter().next().is_none() {
            let now = self.endings.now();
            self.connections[key.index as usize].asked_at = now;
        }
        let was_known = self.connections[key.index as usize].identity.is_some();
        if let Err((denial, error)) = self.show_ticket(key, auth) {
            server.counters(self.index).denied(denial);
            return self.refuse_connect(key, name, &error);
        }
        let is_known = self.connections[key.index as usize].identity.is_some();
        let recovery = server.config.recovery;
        let restored =
            nsp.recovery.as_ref().zip(auth).and_then(|(memory, auth)| memory.lock().restore(auth, Instant::now()));
        let skips = restored.is_some() && recovery.is_some_and(|options| options.skip_middlewares);
        let asks = nsp.ask.load(Relaxed) && !skips || server.config.access.authenticate && !is_known;
        // JavaScript keeps what it said of a connection for as long as it knows of a socket there.
        let listens = nsp.listen.load(Relaxed) || was_known && server.config.access.authenticate;
        if asks && !server.reserve_decision() {
            server.counters(self.index).denied(Denial::Busy);
            return self.refuse_connect(key, name, &refusal("ERR_BUSY", "too many clients are connecting; try again"));
        }
        let mut socket = Socket {
            serial: self.next_serial() & SERIAL_MASK,
            connection: key.index,
            nsp: nsp.clone(),
            id: self.ids.next_marked(),
            rooms: Vec::new(),
            joining: Vec::new(),
            joined: false,
            asking: asks,
            told: asks || listens,
            user: None,
            since: self.now,
            info: None,
            pid: recovery.map(|_| self.ids.next()),
            missed: None,
        };
        if let Some(Restored { session, missed }) = restored {
            socket.id = session.id;
            socket.pid = Some(session.pid);
            socket.rooms = session.rooms;
            socket.user = session.user;
            socket.missed = Some(missed.into());
        }
        let index = self.sockets.insert(socket) as u32;
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.members.ask(nsp.name.clone(), index);
        if is_known || !asks {
            self.name_user(index);
        }
        if asks {
            self.endings.wait();
            let info = self.connect_info(index, auth, is_known);
            let Some(arrival) = self.arrival(index, info) else { return };
            return server.sink.push(Event::Connecting(arrival));
        }
        if listens {
            self.sockets[index as usize].info = Some(self.connect_info(index, auth, is_known).into());
        }
        self.admissions.push(self.socket_key(index));
    }

    /// What JavaScript is told of a socket. A client is not read on when too much of it waits.
    fn arrival(&mut self, index: u32, info: String) -> Option<Box<Arrival>> {
        let credit = self.charge(self.connection_of(index), info.len())?;
        Some(Box::new(Arrival { socket: self.socket_key(index), info, credit }))
    }

    pub(super) fn refuse_connect(&mut self, key: Key, nsp: &str, error: &str) {
        self.push(key, &[socket::encode_text(Kind::ConnectError, nsp, None, error)]);
    }

    /// Looks at a client's ticket, unless it is known who is behind the connection. The error is what the client is told.
    fn show_ticket(&mut self, key: Key, auth: Option<&str>) -> Result<(), (Denial, String)> {
        let connection = &self.connections[key.index as usize];
        let access = &connection.server.config.access;
        let Some(keys) = access.tickets.as_ref().filter(|_| connection.identity.is_none()) else { return Ok(()) };
        let Some(text) = auth.and_then(|auth| json::field(auth, "ticket")) else {
            // Without one JavaScript knows whose client it is, or nobody does.
            let error = || (Denial::Ticket, refusal("ERR_UNAUTHORIZED", "unauthorized: a ticket is needed"));
            return access.authenticate.then_some(()).ok_or_else(error);
        };
        let ticket = keys.verify(&text, jiff::Timestamp::now().as_millisecond()).map_err(|bad| {
            let error = match bad {
                Bad::Invalid => refusal("ERR_INVALID_TICKET", "the ticket is not valid"),
                Bad::Expired => refusal("ERR_TICKET_EXPIRED", "the ticket has expired"),
            };
            (Denial::Ticket, error)
        })?;
        self.identify(key, ticket.into()).map_err(|error| (Denial::Ticket, error.to_owned()))
    }

    /// Lets in those who asked for an open namespace. A client may speak to it only after its answer, so this comes
    /// behind the input in which it asked.
    pub(super) fn admit_waiting(&mut self) {
        for key in std::mem::take(&mut self.admissions) {
            let Some(index) = self.socket_index(key) else { continue };
            self.admit(index);
            if let Some(info) = self.sockets.get_mut(index as usize).and_then(|socket| socket.info.take()) {
                let Some(arrival) = self.arrival(index, info.into()) else { continue };
                self.server_of(index).sink.push(Event::Connect(arrival));
            }
        }
    }

    fn connect_info(&self, index: u32, auth: Option<&str>, is_known: bool) -> String {
        const UNKNOWN: &str = "{\"headers\":{},\"time\":\"\",\"address\":\"\",\"xdomain\":false,\"secure\":false,\"issued\":0,\"url\":\"\",\"query\":{}}";
        let socket = &self.sockets[index as usize];
        let connection = &self.connections[socket.connection as usize];
        let handshake = connection.handshake.as_deref().unwrap_or(UNKNOWN);
        format!(
            "{{\"id\":\"{}\",\"nsp\":{},\"connection\":\"{}-{}-{}\",\"auth\":{},\"userId\":{},\"known\":{is_known},\"recovered\":{},\"handshake\":{handshake}}}",
            socket.id.as_str(),
            json::quoted(&socket.nsp.name),
            self.index,
            socket.connection,
            connection.serial,
            auth.unwrap_or("{}"),
            socket.user.as_deref().map_or("null".into(), json::quoted),
            socket.missed.is_some(),
        )
    }

    /// Lets a socket in: `40` goes out before anything else to it.
    fn admit(&mut self, index: u32) {
        let key = self.connection_of(index);
        let socket = &mut self.sockets[index as usize];
        socket.joined = true;
        let (id, pid, nsp, missed) = (socket.id, socket.pid, socket.nsp.clone(), socket.missed.take());
        let shard = self.index;
        let member = Member { socket: index, connection: key.index };
        self.spaces.entry(nsp.id).or_default().add(id, member);
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.members.join(index);
        connection.server.counters(shard).sockets.up();
        let pid = pid.map_or(String::new(), |pid| format!(",\"pid\":\"{}\"", pid.as_str()));
        let reply = format!("{{\"sid\":\"{}\"{pid}}}", id.as_str());
        for run in missed.into_iter().flatten() {
            connection.outbox.push_run(run);
        }
        self.push(key, &[socket::encode_text(Kind::Connect, &nsp.name, None, &reply)]);
        if let Some(socket) = self.sockets.get_mut(index as usize) {
            let rooms = std::mem::take(&mut socket.rooms);
            rooms.iter().for_each(|room| {
                self.enter(index, room);
            });
        }
    }

    /// JavaScript lets a socket in.
    pub(super) fn accept(&mut self, key: SocketKey, identity: Identity) {
        let Some(index) = self.socket_index(key).filter(|index| !self.sockets[*index as usize].joined) else {
            return;
        };
        if let Err(error) = self.identify(self.connection_of(index), identity) {
            // JavaScript takes it for one that is in.
            let info = format!("{{\"reason\":\"{}\",\"rooms\":[]}}", Reason::ServerKicked);
            let server = self.server_of(index);
            server.sink.push(Event::Disconnect(key, info, server.ledger.charge(0)));
            return self.deny(key, error);
        }
        self.decided(index);
        self.name_user(index);
        self.admit(index);
    }

    /// Gives a socket the user of its connection. If somebody else has come with another's session, rooms and events stay
    /// those of whom they were for.
    fn name_user(&mut self, index: u32) {
        let fresh = self.ids.next();
        let socket = &mut self.sockets[index as usize];
        let user = self.connections[socket.connection as usize].user();
        if socket.missed.is_some() && socket.user != user {
            socket.missed = None;
            socket.rooms = Vec::new();
            socket.pid = Some(fresh);
        }
        socket.user = user;
    }

    /// JavaScript refuses a socket. The connection stays, and may try again.
    pub(super) fn deny(&mut self, key: SocketKey, error: &str) {
        let Some(index) = self.socket_index(key).filter(|index| !self.sockets[*index as usize].joined) else {
            return;
        };
        self.decided(index);
        let connection = self.connection_of(index);
        self.server_of(index).counters(self.index).denied(Denial::Authentication);
        let socket = self.sockets.remove(index as usize);
        if let Some(connection) = self.connection(connection) {
            connection.members.remove(index);
            if connection.members.iter().next().is_none() {
                connection.forget_identity();
            }
        }
        self.refuse_connect(connection, &socket.nsp.name, error);
    }

    /// JavaScript has decided on a socket, or need not any more.
    pub(super) fn decided(&mut self, index: u32) {
        if std::mem::take(&mut self.sockets[index as usize].asking) {
            self.endings.answered();
        }
    }
}

/// CONNECT_ERROR's object.
pub(super) fn refusal(code: &str, message: &str) -> String {
    format!("{{\"message\":\"{message}\",\"data\":{{\"code\":\"{code}\"}}}}")
}
