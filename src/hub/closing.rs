//! The end of a server on a shard: what was accepted is flushed, clients are told to come back, and whatever is left at
//! the deadline goes.

use std::sync::Arc;

use super::server::Server;
use super::shard::{Key, Shard, Timer, guarded};
use crate::config::Config;
use crate::error::Reason;

impl Shard {
    /// Begins to close a server.
    pub(super) fn close_server(&mut self, server: Arc<Server>, deadline: u64, patient: bool) {
        self.connections_of(server.id).into_iter().for_each(|key| self.shut_down(key, patient));
        self.timers.add(self.now + deadline, Timer::Deadline(server.id));
        self.closing.push((server, false));
    }

    pub(super) fn force_closed(&mut self, server: u32) {
        if self.closing.iter().any(|(closing, _)| closing.id == server) {
            self.drop_all(server);
            self.population.remove(&server);
        }
    }

    /// Looks how far the closing servers are: when no client is left their listener may stop, and when it has they are
    /// closed.
    pub(super) fn finish_closing(&mut self) {
        let population = &self.population;
        let (watched, swept) = (&mut self.watched, &mut self.swept);
        self.closing.retain_mut(|(server, drained)| {
            let left = population.get(&server.id);
            if !*drained && left.is_none_or(|left| left.clients == 0) {
                *drained = true;
                server.shard_drained();
            }
            let busy = !*drained || left.is_some_and(|left| left.guests > 0);
            if !busy {
                watched.remove(&server.id);
                swept.remove(&server.id);
            }
            if !busy && server.shard_closed() {
                guarded("close", || super::release(server));
            }
            busy
        });
    }

    /// The server closes: what waits is sent first (`patient`: also to a polling client that has yet to ask), then the
    /// client is told to come back.
    fn shut_down(&mut self, key: Key, patient: bool) {
        let now = self.now;
        let Some(connection) = self.connection(key) else {
            return;
        };
        connection.held = false;
        let fetched = connection.link.is_some() || connection.engine.has_poll() || patient;
        if connection.outbox.is_empty() || !fetched {
            return self.with_engine(key, |engine, effects| engine.end(Reason::ServerShutdown, effects));
        }
        let by = now + Config::LAST_POLL.as_millis() as u64;
        connection.leaves_by = Some(by);
        self.timers.add(by, Timer::Connection(key));
        self.close_connection(key, Reason::ServerShutdown);
        self.flush(key);
    }

    /// The deadline has come: whatever is left of a server goes.
    fn drop_all(&mut self, server: u32) {
        for key in self.connections_of(server) {
            self.with_engine(key, |engine, effects| engine.end(Reason::ServerShutdown, effects));
            self.forget(key);
        }
        self.drop_links(server);
    }

    fn connections_of(&self, server: u32) -> Vec<Key> {
        let own = self.connections.iter().filter(|(_, connection)| connection.server.id == server);
        own.map(|(index, connection)| Key { index: index as u32, serial: connection.serial }).collect()
    }
}
