//! The only place where anything is taken out: at the end of a step, when nobody holds anything.

use super::connection::{ConnectionId, Doom, Ending};
use super::directory::Doomed;
use super::effect::Effect;
use super::link::LinkId;
use super::restore::is_final;
use super::session::gauge;
use super::socket::{Socket, SocketId, Stage};
use super::{Core, Due};
use crate::error::Reason;
use crate::hub::event::Event;

impl Core {
    /// Takes out whoever is doomed, and whoever is doomed by that: sockets first, which connections and links need.
    pub(super) fn reap(&mut self) {
        while self.directory.has_doomed() || !self.parted.is_empty() {
            let (mut connections, mut links) = (Vec::new(), Vec::new());
            for doomed in self.directory.take_doomed() {
                match doomed {
                    Doomed::Socket(id) => self.reap_socket(id),
                    Doomed::Connection(id) => connections.push(id),
                    Doomed::Link(id) => links.push(id),
                }
            }
            self.tell_parted();
            connections.into_iter().for_each(|id| self.reap_connection(id));
            links.into_iter().for_each(|id| self.reap_link(id));
        }
    }

    /// A socket is over. JavaScript, if it knew it, hears why, and which rooms it was in.
    fn reap_socket(&mut self, id: SocketId) {
        let Some(socket) = self.directory.socket(id) else { return };
        let Some(Ending { reason, taken_over }) = socket.ending else { return };
        let (key, is_joined) = (self.key(id), socket.is_joined());
        if socket.stage == Stage::Asking {
            self.decided(id);
        }
        if is_joined && !taken_over {
            self.remember(id, reason);
        }
        let Some(socket) = self.directory.socket(id) else { return };
        let rooms: Vec<_> = socket.rooms.keys().rev().cloned().collect();
        if is_joined {
            self.tell_own_stay(id, false);
        }
        for room in &rooms {
            if let Some(room) = self.part_from(id, room).filter(|_| !taken_over) {
                self.gone(id, &room, reason);
            }
        }
        let Some(server) = self.directory.server_of(id).cloned() else { return };
        let Some(mut socket) = self.directory.bury_socket(id) else { return };
        if is_joined {
            server.counters(self.index).sockets.down();
        }
        self.forget_track(id, &socket);
        if let Some(session) = socket.returning.as_mut().and_then(|returning| returning.session.take()) {
            self.return_failed(&socket.nsp, server.id, session, reason);
        }
        if socket.stage == Stage::Claiming && is_final(reason) {
            self.recovery.claims.entry(key).and_modify(|asked| asked.is_over = true);
        }
        if socket.told {
            let own = std::iter::once(socket.id.as_str()).filter(|_| is_joined);
            let rooms: Vec<&str> = own.chain(rooms.iter().map(|room| &**room)).collect();
            let rooms = serde_json::to_string(&rooms).expect("strings are JSON");
            let description = self.description_of(socket.connection, reason);
            let info = format!("{{\"reason\":\"{reason}\",\"rooms\":{rooms}{description}}}");
            let credit = server.ledger.charge(info.len());
            self.effects.push(Effect::Tell(server, Event::Disconnect(key, info, credit)));
        }
    }

    fn forget_track(&mut self, id: SocketId, socket: &Socket) {
        if let Some(track) = &socket.track
            && self.recovery.present.get(&track.pid) == Some(&id)
        {
            self.recovery.present.remove(&track.pid);
        }
    }

    /// A connection is over: first its session, if that does not know, then its sockets, then it.
    fn reap_connection(&mut self, id: ConnectionId) {
        let Some(connection) = self.directory.connection(id) else { return };
        let doom = connection.doom;
        let server = connection.server.clone();
        let counters = server.counters(self.index);
        match doom {
            Some(Doom::Slow) => {
                tracing::warn!(waiting = connection.outbox.bytes(), "closing a client that reads too slowly");
                counters.slow_clients.add(1);
                self.abort(id, Reason::SlowClient);
            }
            Some(Doom::Broken) => self.abort(id, Reason::Internal),
            Some(Doom::Gone) | None => {}
        }
        for socket in self.directory.sockets_of(id) {
            self.directory.end_socket(socket, Ending { reason: Reason::Internal, taken_over: false });
            self.reap_socket(socket);
        }
        self.tell_parted();
        let Some(mut connection) = self.directory.bury_connection(id) else { return };
        self.effects.extend(connection.token.take().map(Effect::Release));
        gauge(counters, connection.engine.transport()).down();
        if let Some(account) = &connection.account {
            account.hold(0);
        }
        counters.dropped_closed.add(connection.outbox.packets() as u64);
        self.deadlines.clear(&Due::Connection(id));
        self.count(&server, -1);
    }

    /// Ends a session at once; what waits is lost.
    fn abort(&mut self, id: ConnectionId, reason: Reason) {
        let Some(connection) = self.directory.connection(id) else { return };
        let waiting = std::mem::take(&mut connection.outbox);
        let counters = connection.server.counters(self.index);
        counters.dropped_closed.add(waiting.packets() as u64);
        if let Some(link) = connection.link.take() {
            self.directory.drop_link(link);
        }
        self.with_engine(id, |engine, effects| engine.end(reason, effects));
    }

    fn reap_link(&mut self, id: LinkId) {
        let Some(link) = self.directory.bury_link(id) else { return };
        link.server.counters(self.index).dropped_closed.add(link.tail.packets() as u64);
        self.deadlines.clear(&Due::Link(id));
        self.effects.push(Effect::Drop(id));
        self.count(&link.server, -1);
    }
}
