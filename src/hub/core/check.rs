//! What always holds between steps, and what a simulation sees.

use std::sync::Arc;

use super::access::{Ended, Identity};
use super::connection::Connection;
use super::outbox::Outbox;
use super::socket::{Socket, SocketId, Stage, key_of};
use super::{Core, Due};
use crate::hub::event::SocketKey;
use crate::hub::ids::Id;

impl Core {
    /// What always holds between steps.
    pub fn check(&self) {
        self.directory.check();
        assert!(self.admissions.is_empty() && self.effects.is_empty());
        for (pid, id) in &self.recovery.present {
            let socket = self.directory.socket(*id).expect("a session of a socket that is gone");
            assert!(socket.track.as_ref().is_some_and(|track| track.pid == *pid), "another session's socket");
        }
        for pid in self.recovery.away.keys() {
            assert!(self.deadlines.at(&Due::Away((*pid).into())).is_some(), "a session that is kept for ever");
            assert!(!self.recovery.present.contains_key(pid), "a session in two places");
        }
        self.directory.connections().for_each(|(id, connection)| {
            let next = self.next_of(connection);
            let set = self.deadlines.at(&Due::Connection(id));
            assert!(
                next.is_none_or(|next| set.is_some_and(|set| set <= next)),
                "due at {next:?} and not before {set:?}"
            );
            self.check_outbox(connection);
        });
        let asking = self.directory.sockets().filter(|(_, socket)| socket.stage == Stage::Asking).count();
        assert_eq!(self.endings.waiting(), asking + self.recovery.claims.len(), "who waits while somebody logs out");
        for (id, socket) in self.directory.sockets() {
            let is_replayed = socket.track.as_ref().is_some_and(|track| track.replay.is_some());
            assert!(!is_replayed || self.recovery.replaying.contains(&id), "nobody gives it what it missed");
            assert!(socket.stage != Stage::Returning || !socket.joining.is_empty(), "nobody decides on it");
            self.check_rights(id, socket);
        }
    }

    /// Nobody joined a room that its ticket does not name, unless JavaScript was asked.
    fn check_rights(&self, id: SocketId, socket: &Socket) {
        let Some(server) = self.directory.server_of(id) else { return };
        // Who is nobody's was in before its connection had the ticket.
        if socket.user.is_none() || server.config.access.authorize_join || !socket.is_joined() {
            return;
        }
        for (room, _) in socket.rooms.iter().filter(|(_, stay)| stay.asked) {
            assert_ne!(self.is_named(id, room), Some(false), "room {room} was joined against the ticket");
        }
    }

    /// What waits will leave, and is not too much unless it is about to be looked at.
    fn check_outbox(&self, connection: &Connection) {
        let Connection { outbox, dirty, held, blocked, over, link, engine, server, .. } = connection;
        let leaves = *dirty || *held || *over || if link.is_some() { *blocked } else { !engine.has_poll() };
        assert!(outbox.is_empty() || leaves, "what waits is forgotten");
        assert!(!held || self.deadlines.len() > 0, "what waits for a batch waits for ever");
        let is_written_first = *over || *dirty && (engine.has_poll() || link.is_some() && !blocked);
        if !is_written_first {
            let cost = outbox.cost();
            assert!(cost <= server.config.max_outbox + LARGEST, "an outbox of {cost}");
        }
    }

    /// Whether nobody is here and nothing is due. Servers are known until they are closed.
    pub fn is_empty(&self) -> bool {
        let recovery = &self.recovery;
        let no_session = recovery.away.is_empty() && recovery.present.is_empty() && recovery.claims.is_empty();
        let nobody = self.directory.is_empty() && self.clients() == 0 && no_session;
        nobody && self.deadlines.len() == 0 && self.empty.is_empty() && self.endings.waiting() == 0
    }

    /// What is here, for whoever wants to know why something is.
    pub fn rest(&self) -> String {
        let Self { directory, deadlines, recovery, empty, .. } = self;
        let (links, sockets) = (directory.links().count(), directory.sockets().count());
        let (away, present, claims) = (recovery.away.len(), recovery.present.len(), recovery.claims.len());
        format!(
            "{} clients, {links} links, {sockets} sockets, {away} away, {present} present, {claims} claims, {} empty, due {deadlines:?}",
            self.clients(),
            empty.len()
        )
    }

    /// Sockets that are in.
    pub fn joined(&self) -> impl Iterator<Item = (SocketKey, &Socket)> {
        let joined = self.directory.sockets().filter(|(_, socket)| socket.is_joined());
        joined.map(|(id, socket)| (key_of(self.index, id), socket))
    }

    /// Whether a socket is in the room that is its id.
    pub fn is_shown(&self, socket: &Socket) -> bool {
        self.directory.space(socket.nsp.id).is_some_and(|space| space.shows(&socket.id))
    }

    /// Whether a socket's ticket keeps it out of a room.
    pub fn is_kept_out(&self, key: SocketKey, room: &str) -> bool {
        self.find(key).is_some_and(|id| self.is_named(id, room) == Some(false))
    }

    /// Sessions that are here, of sockets that are in and of those that were cut off: by their sockets' ids.
    pub fn sessions(&self) -> Vec<Id> {
        let away = self.recovery.away.values().map(|away| away.session.id);
        self.joined().map(|(_, socket)| socket.id).chain(away).collect()
    }

    /// Who is behind connections that are open.
    pub fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        let open = self.directory.connections().filter(|(_, connection)| connection.engine.is_open());
        open.filter_map(|(_, connection)| connection.identity.as_ref())
    }

    /// Whether somebody could come back to what has ended.
    pub fn remembers(&self, ended: &Ended) -> bool {
        let mut identities = self.recovery.away.values().filter_map(|away| away.session.identity.as_ref());
        identities.any(|identity| ended.is_of(identity))
    }

    /// The login by which a socket came in. Who is nobody's was in before its connection was somebody's.
    pub fn login(&self, key: SocketKey) -> Option<Arc<str>> {
        let socket = self.find(key).and_then(|id| self.directory.socket(id))?;
        socket.user.as_ref()?;
        self.directory.see(socket.connection)?.identity.as_ref()?.session.clone()
    }

    /// What WebSockets have to write that are no connection's transport.
    pub fn tails(&self) -> impl Iterator<Item = &Outbox> {
        self.directory.links().map(|(_, link)| &link.tail)
    }
}

/// Most that one thing costs, and what is urgent, in a simulation: an outbox is looked at when that is in it.
pub const LARGEST: usize = 3500;
