//! Sockets and their rooms: what clients and the application do to them, packets for one of them, and what clients say.

use std::sync::Arc;

use bytes::Bytes;

use super::Core;
use super::compressing::Source;
use super::connection::{Connection, ConnectionId, Doom, Ending};
use super::input::Send;
use super::link::LinkId;
use super::socket::{SocketId, Stay, key_of};
use super::space::Joined;
use crate::error::Reason;
use crate::hub::account::{Account, Credit};
use crate::hub::event::{Event, Packet, SocketKey};
use crate::hub::journal::Position;
use crate::hub::message::{Body, Change, Message};
use crate::hub::run::{Policy, Run};
use crate::hub::{emit, event};
use crate::protocol::socket::{self as wire, Kind};
use crate::session::socket::Input;

impl Core {
    /// A socket by its key, if it is still there.
    pub(super) fn find(&self, key: SocketKey) -> Option<SocketId> {
        let id = SocketId::from_bits(key);
        self.directory.socket(id).map(|_| id)
    }

    pub(super) fn key(&self, id: SocketId) -> SocketKey {
        key_of(self.index, id)
    }

    /// What a message of a client means.
    pub(super) fn hear(&mut self, id: ConnectionId, input: Input<'_, SocketId>) {
        match input {
            Input::Connect { nsp, auth, instead } => {
                // What it asked before is answered no more: two sockets in one namespace would get every event twice.
                if let Some(before) = instead {
                    self.directory.end_socket(before, Ending { reason: Reason::ClientLeft, taken_over: false });
                    self.reap();
                }
                if self.may_connect(id, nsp) {
                    self.connect(id, nsp, auth);
                }
            }
            Input::Event { socket, id: ack, name, data, attachments } => {
                if let Some(connection) = self.directory.see(id) {
                    connection.server.counters(self.index).events_in.add(1);
                }
                if self.may_say(id, socket, name.as_deref(), ack) && !self.built_in(socket, name.as_deref(), ack, &data)
                {
                    self.tell_javascript(id, socket, Kind::Event, ack, &data, attachments);
                }
            }
            Input::Ack { socket, id: ack, data, attachments } => {
                if self.judge(id, None, |allowance, limits, now, counters| allowance.ack(limits, now, counters))
                    && !self.answers_many(id, socket, ack, &data, &attachments)
                {
                    self.tell_javascript(id, socket, Kind::Ack, Some(ack), &data, attachments);
                }
            }
            Input::Leave { socket } => {
                self.directory.end_socket(socket, Ending { reason: Reason::ClientLeft, taken_over: false });
            }
            Input::Nothing => {
                self.may_chatter(id);
            }
            Input::OverLimit => {
                if let Some(connection) = self.directory.see(id) {
                    connection.server.refusals.attachments.add(1);
                    tracing::warn!("disconnecting a client: too many attachments, or too large ones");
                }
                self.tell_fault(id, "too many attachments");
                self.close_connection(id, Reason::ForcedClose);
            }
            Input::Unreadable(error) => {
                self.tell_fault(id, &error.to_string());
                self.close_connection(id, Reason::ForcedClose);
            }
            Input::Refused(reason) => self.close_connection(id, reason),
        }
    }

    fn tell_javascript(
        &mut self,
        id: ConnectionId,
        socket: SocketId,
        kind: Kind,
        ack: Option<f64>,
        data: &str,
        attachments: Vec<Bytes>,
    ) {
        if !self.directory.socket(socket).is_some_and(|socket| socket.told) {
            return;
        }
        let bytes = data.len() + attachments.iter().map(Bytes::len).sum::<usize>();
        let Some(credit) = self.charge(id, bytes) else { return };
        let packet = Packet { socket: self.key(socket), kind, id: ack, data: data.into(), attachments, credit };
        self.tell_server(socket, Event::Packet(Box::new(packet)));
    }

    /// Tells the JavaScript of a socket's server.
    pub(super) fn tell_server(&mut self, socket: SocketId, event: event::Event) {
        if let Some(server) = self.directory.server_of(socket) {
            self.effects.push(super::Effect::Tell(server.clone(), event));
        }
    }

    /// Charges something to the connection's account with JavaScript; it is not read on if too much waits.
    pub(super) fn charge(&mut self, id: ConnectionId, bytes: usize) -> Option<Credit> {
        let account = self.account(id)?;
        let credit = account.charge(bytes);
        account.may_read();
        Some(credit)
    }

    fn account(&mut self, id: ConnectionId) -> Option<&Arc<Account>> {
        let way = &self.way;
        let Connection { server, account, .. } = self.directory.connection(id)?;
        let new = || Account::new(id.to_bits(), way.clone(), server.ledger.clone(), server.config.max_inbox);
        Some(account.get_or_insert_with(new))
    }

    /// Whether a WebSocket may be read on; if not, for JavaScript has to catch up, it is resumed later.
    pub fn may_read(&mut self, link: LinkId) -> bool {
        let Some(owner) = self.directory.see_link(link).and_then(|link| link.connection) else { return true };
        let Some(connection) = self.directory.see(owner) else { return true };
        // An idle client costs no account.
        if connection.account.is_none() && !connection.server.ledger.is_full() {
            return true;
        }
        self.account(owner).is_none_or(Account::may_read)
    }

    /// Counts what came of a message whose attachments are still to come.
    pub(super) fn hold(&mut self, id: ConnectionId) {
        let Some(connection) = self.directory.see(id) else { return };
        let bytes = connection.members.unfinished();
        if (bytes > 0 || connection.account.is_some())
            && let Some(account) = self.account(id)
        {
            account.hold(bytes);
        }
    }

    /// A client takes too long over a message, and others have no room for theirs.
    pub(super) fn cut(&mut self, id: u64) {
        let id = ConnectionId::from_bits(id);
        if let Some(connection) = self.directory.see(id) {
            connection.server.refusals.attachments.add(1);
            tracing::warn!("disconnecting a client: attachments of its events do not come, and others wait for room");
            self.close_connection(id, Reason::ForcedClose);
        }
    }

    /// A packet for one socket.
    pub(super) fn send(&mut self, send: Send) {
        let Send { socket: key, kind, id: ack, volatile, plain, text, attachments } = send;
        let Some(id) = self.find(key) else { return };
        let shard = self.index;
        let Some((socket, connection)) = self.directory.pair(id) else { return };
        let is_replayed = socket.track.as_ref().is_some_and(|track| track.replay.is_some());
        if !socket.is_joined() {
            return;
        }
        if volatile && (!connection.is_writable() || is_replayed) {
            return connection.server.counters(shard).dropped_volatile.add(1);
        }
        if let (Kind::Event, Some(_)) = (kind, ack) {
            connection.allowance.owes_ack();
        }
        let frames = wire::encode(kind, &socket.nsp.name, ack, &text, &attachments);
        if is_replayed && kind == Kind::Event {
            if let Some(track) = &mut socket.track
                && track.defer(frames) > connection.server.config.max_outbox
            {
                let owner = socket.connection;
                self.directory.doom(owner, Doom::Slow);
            }
            return;
        }
        // What asks for an answer is never dropped.
        let policy = match (kind, ack) {
            (Kind::Event, None) => emit::policy(
                &connection.server.config,
                &socket.nsp,
                &emit::Outgoing { text: &text, ..emit::Outgoing::default() },
            ),
            _ => Policy::Close,
        };
        let connection = socket.connection;
        if policy == Policy::Close && !plain {
            return self.push(connection, &frames);
        }
        let run = Run::of(frames, self.now.micros, policy, plain);
        self.push_events(connection, &Source::one(&run), &(0..1), false);
    }

    /// A change for one socket.
    pub(super) fn change(&mut self, key: SocketKey, change: &Change) {
        if let Some(id) = self.find(key) {
            self.change_socket(id, change);
        }
    }

    /// A change for many sockets.
    pub(super) fn change_all(&mut self, message: &Message) {
        let Body::Change(change) = &message.body else { return };
        let mut selected = Vec::new();
        if let Some(space) = self.directory.space(message.nsp) {
            space.select(&message.to, |member| selected.push(member.socket));
        }
        // Nobody may be here, and somebody away whom it concerns.
        if let Some(position) = message.position {
            self.recovery.advance(message.nsp, position);
        }
        selected.into_iter().for_each(|id| self.change_socket(id, change));
    }

    fn change_socket(&mut self, id: SocketId, change: &Change) {
        match change {
            Change::Join(rooms) => rooms.iter().for_each(|room| self.enter(id, room, false)),
            Change::Leave(rooms) => rooms.iter().for_each(|room| self.exit(id, room)),
            Change::LeaveAll => {
                let Some(socket) = self.directory.socket(id) else { return };
                let (own, rooms) = (socket.id, socket.rooms.keys().rev().cloned().collect::<Vec<_>>());
                rooms.iter().for_each(|room| self.exit(id, room));
                self.exit(id, own.as_str());
            }
            Change::Disconnect(whole) => self.kick(id, *whole),
        }
    }

    fn kick(&mut self, id: SocketId, whole: bool) {
        let Some(socket) = self.directory.socket(id) else { return };
        if whole {
            self.expel(socket.connection);
        } else {
            self.dismiss(id);
        }
    }

    /// A packet that tells a socket that it is disconnected.
    pub(super) fn say_disconnected(&mut self, id: SocketId) {
        let Some(socket) = self.directory.socket(id) else { return };
        let (connection, frame) = (socket.connection, wire::encode_text(Kind::Disconnect, &socket.nsp.name, None, ""));
        self.push(connection, &[frame]);
    }

    /// Tells a socket that it is disconnected.
    fn dismiss(&mut self, id: SocketId) {
        self.say_disconnected(id);
        self.directory.end_socket(id, Ending { reason: Reason::ServerKicked, taken_over: false });
    }

    /// Tells a connection's sockets that they are disconnected, and closes it behind that. Returns how many they were.
    pub(super) fn expel(&mut self, id: ConnectionId) -> usize {
        let sockets = self.directory.sockets_of(id);
        let count = sockets.len();
        sockets.into_iter().for_each(|socket| self.dismiss(socket));
        self.close_connection(id, Reason::ForcedClose);
        count
    }

    /// Closes the connection under a socket.
    pub(super) fn close_under(&mut self, key: SocketKey) {
        if let Some(socket) = self.find(key).and_then(|id| self.directory.socket(id)) {
            let connection = socket.connection;
            self.close_connection(connection, Reason::ForcedClose);
        }
    }

    /// The last message that this shard has handled in a socket's namespace.
    fn cursor_of(&self, id: SocketId) -> Position {
        self.directory.socket(id).map_or(0, |socket| self.recovery.cursor(socket.nsp.id))
    }

    /// Puts a socket into a room, and tells the room, unless it is there already. `asked`: by its client's wish.
    pub(super) fn enter(&mut self, id: SocketId, room: &Arc<str>, asked: bool) {
        let since = self.cursor_of(id);
        self.enter_since(id, room, Stay { since, asked }, true);
    }

    /// The same from a place of the journal on. `aloud`: the room is told.
    pub(super) fn enter_since(&mut self, id: SocketId, room: &Arc<str>, stay: Stay, aloud: bool) {
        if let Some(socket) = self.directory.socket_mut(id).filter(|socket| *socket.id.as_str() == **room)
            && let Some(track) = &mut socket.track
        {
            track.own.get_or_insert(stay.since);
        }
        let was_hidden = self.is_hidden(id, room);
        match self.directory.enter(id, room, stay) {
            None if was_hidden => return self.tell_own_stay(id, true),
            None | Some(Joined::Already) => return,
            Some(Joined::First) => self.room_inhabited(id, room),
            Some(Joined::Another) => {}
        }
        self.tell_stay(id, room, true);
        self.arrived(id, room, aloud);
    }

    /// Takes a socket out of a room, and tells the room.
    pub(super) fn exit(&mut self, id: SocketId, room: &str) {
        if let Some(room) = self.part_from(id, room) {
            self.left(id, &room);
        }
    }

    /// Takes a socket out of a room. Returns the room if it was there.
    pub(super) fn part_from(&mut self, id: SocketId, room: &str) -> Option<Arc<str>> {
        let at = self.cursor_of(id);
        // What it got as a member, of its own room too, does not wait for a window that does not know it any more.
        let owner = self.directory.socket(id)?.connection;
        if let Some(connection) = self.directory.connection(owner).filter(|connection| connection.held) {
            connection.touch(owner, false, &mut self.dirty);
        }
        if self.watches_own(id, room) {
            self.tell_own_stay(id, false);
        }
        let left = self.directory.exit(id, room);
        if let Some(socket) = self.directory.socket_mut(id)
            && let (Some(track), Some(memory)) = (&mut socket.track, &socket.nsp.memory)
        {
            let from = match &left {
                Some((_, left)) => Some(left.stay.since),
                None => track.own.take_if(|_| *socket.id.as_str() == *room),
            };
            if let Some(from) = from {
                track.left(room.into(), from, at, memory.journal.start());
            }
        }
        let (room, left) = left?;
        self.tell_stay(id, &room, false);
        self.count_out(id, &room);
        if left.last {
            self.room_deserted(id, &room);
        }
        Some(room)
    }
}
