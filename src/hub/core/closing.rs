//! What is here of each server, and its end: what was accepted is flushed, clients are told to come back, and whatever is
//! left at the deadline goes.

use std::sync::Arc;

use super::connection::{ConnectionId, Doom};
use super::effect::Effect;
use super::{Core, Due};
use crate::config::Config;
use crate::error::Reason;
use crate::hub::context::Context;

/// What is here of one server.
pub struct Tenant {
    /// It.
    pub context: Arc<Context>,
    /// Connections and WebSockets.
    clients: usize,
    /// HTTP connections.
    guests: usize,
    /// Its stale clients are looked for.
    pub swept: bool,
    closing: Closing,
}

/// How far its end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// It is open.
    No,
    /// Clients are left.
    Draining,
    /// HTTP connections are left.
    Drained,
}

impl Tenant {
    /// Whether its server closes.
    pub fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }
}

impl Core {
    /// A server that is known here.
    pub(super) fn context(&self, server: u32) -> Option<Arc<Context>> {
        self.tenants.get(&server).map(|tenant| tenant.context.clone())
    }

    fn tenant(&mut self, server: &Arc<Context>) -> &mut Tenant {
        self.tenants.entry(server.id).or_insert_with(|| Tenant {
            context: server.clone(),
            clients: 0,
            guests: 0,
            swept: false,
            closing: Closing::No,
        })
    }

    /// A connection or a WebSocket has come or gone.
    pub(super) fn count(&mut self, server: &Arc<Context>, change: isize) {
        let tenant = self.tenant(server);
        tenant.clients = tenant.clients.saturating_add_signed(change);
        self.go_on_closing(server.id);
    }

    /// An HTTP connection of a server has come or gone: a closing server waits for it too.
    pub(super) fn guest(&mut self, server: &Arc<Context>, came: bool) {
        let tenant = self.tenant(server);
        tenant.guests = if came { tenant.guests + 1 } else { tenant.guests.saturating_sub(1) };
        self.go_on_closing(server.id);
    }

    /// Begins to close a server.
    pub(super) fn close_server(&mut self, server: &Arc<Context>, deadline: u64, patient: bool) {
        self.tenant(server).closing = Closing::Draining;
        let links: Vec<_> = self.directory.links().filter(|(_, link)| link.server.id == server.id).collect();
        let lingering: Vec<_> =
            links.into_iter().filter(|(_, link)| link.connection.is_none()).map(|(id, _)| id).collect();
        // From now on the server's deadline counts.
        lingering.into_iter().for_each(|id| self.deadlines.clear(&Due::Link(id)));
        self.connections_of(server.id).into_iter().for_each(|id| self.shut_down(id, patient));
        self.deadlines.set(Due::Deadline(server.id), self.millis() + deadline);
        self.go_on_closing(server.id);
    }

    pub(super) fn force_closed(&mut self, server: u32) {
        for id in self.connections_of(server) {
            self.with_engine(id, |engine, effects| engine.end(Reason::ServerShutdown, effects));
            self.directory.doom(id, Doom::Gone);
        }
        let links: Vec<_> =
            self.directory.links().filter(|(_, link)| link.server.id == server).map(|(id, _)| id).collect();
        links.into_iter().for_each(|id| self.directory.drop_link(id));
        self.reap();
        if let Some(tenant) = self.tenants.get_mut(&server) {
            (tenant.clients, tenant.guests) = (0, 0);
        }
        self.go_on_closing(server);
    }

    /// Looks how far a closing server is: when no client is left its listener may stop, and when it has it is closed.
    fn go_on_closing(&mut self, server: u32) {
        let Some(tenant) = self.tenants.get_mut(&server) else { return };
        if tenant.closing == Closing::Draining && tenant.clients == 0 {
            tenant.closing = Closing::Drained;
            self.effects.push(Effect::Drained(tenant.context.clone()));
        }
        if tenant.closing != Closing::Drained || tenant.guests > 0 {
            return;
        }
        let Some(tenant) = self.tenants.remove(&server) else { return };
        let namespaces = tenant.context.registry.all();
        self.recovery.forget(server, &namespaces);
        for nsp in &namespaces {
            self.watched.remove(&nsp.id);
        }
        self.deadlines.clear(&Due::Deadline(server));
        self.deadlines.clear(&Due::Sweep(server));
        self.effects.push(Effect::Closed(tenant.context));
    }

    /// The server closes: what waits is sent first (`patient`: also to a polling client that has yet to ask), then the
    /// client is told to come back.
    fn shut_down(&mut self, id: ConnectionId, patient: bool) {
        let now = self.millis();
        let Some(connection) = self.directory.connection(id) else { return };
        connection.held = false;
        let fetched = connection.link.is_some() || connection.engine.has_poll() || patient;
        if connection.outbox.is_empty() || !fetched {
            return self.with_engine(id, |engine, effects| engine.end(Reason::ServerShutdown, effects));
        }
        connection.leaves_by = connection.link.is_none().then_some(now + Config::LAST_POLL.as_millis() as u64);
        self.close_connection(id, Reason::ServerShutdown);
        if self.directory.see(id).is_some_and(|connection| connection.link.is_none()) {
            self.answer_poll(id);
        }
        self.rearm(id);
    }

    fn connections_of(&self, server: u32) -> Vec<ConnectionId> {
        let own = self.directory.connections().filter(|(_, connection)| connection.server.id == server);
        own.map(|(id, _)| id).collect()
    }

    /// A server is no one's any more, as its process or its shard cannot go on.
    #[cfg(any(test, fuzzing))]
    pub fn clients(&self) -> usize {
        self.tenants.values().map(|tenant| tenant.clients + tenant.guests).sum()
    }
}
