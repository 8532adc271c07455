//! Who hears of it when somebody comes into a room or leaves it, in the nself layer; which rooms have members, for whoever
//! produces for them; and clients of which nothing is heard any more.

use std::sync::Arc;

use super::connection::ConnectionId;
use super::effect::Effect;
use super::socket::SocketId;
use super::{Core, Due};
use crate::error::Reason;
use crate::events;
use crate::hub::attendance::{Change, Place, Telling, Ticket};
use crate::hub::context::{Context, State};
use crate::hub::event::{self, Event};
use crate::hub::ids::Id;
use crate::hub::message::Selection;
use crate::protocol::json;
use crate::session::Millis;

/// How long a large room waits before it hears who came and went, in milliseconds.
const CROWD_EVERY: Millis = 1000;

/// A user who was cut off while in a room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Absence {
    server: u32,
    nsp: u32,
    room: Arc<str>,
    user: Arc<str>,
    socket: Id,
    ticket: Ticket,
}

/// A member of a room, in JSON but for the closing brace.
fn who(socket: &Id, user: Option<&Arc<str>>) -> String {
    let user = user.map_or("null".into(), |user| json::quoted(user));
    format!("{{\"socketId\":\"{}\",\"userId\":{user}", socket.as_str())
}

impl Core {
    /// The server of a socket whose comings and goings are announced.
    fn announced(&self, id: SocketId) -> Option<Arc<Context>> {
        let server = self.directory.server_of(id).filter(|_| self.is_layer(id))?;
        (server.state() == State::Open).then(|| server.clone())
    }

    /// A socket has come into a room. `aloud`: the room is told.
    pub(super) fn arrived(&mut self, id: SocketId, room: &Arc<str>, aloud: bool) {
        let Some(server) = self.announced(id) else { return };
        let Some(socket) = self.directory.socket(id) else { return };
        let (nsp, name, user) = (socket.nsp.id, socket.id, socket.user.clone());
        server.attendance.count(nsp, room, true);
        let is_back = user.as_ref().is_some_and(|user| server.attendance.is_back(room, user));
        if aloud && !is_back {
            self.announce(&server, nsp, room, true, &name, user.as_ref());
        }
    }

    /// A socket is out of a room.
    pub(super) fn count_out(&self, id: SocketId, room: &Arc<str>) {
        if let (Some(server), Some(socket)) = (self.directory.server_of(id), self.directory.socket(id))
            && self.is_layer(id)
        {
            server.attendance.count(socket.nsp.id, room, false);
        }
    }

    /// A socket has left a room.
    pub(super) fn left(&mut self, id: SocketId, room: &Arc<str>) {
        let Some(server) = self.announced(id) else { return };
        let Some(socket) = self.directory.socket(id) else { return };
        let (nsp, name, user) = (socket.nsp.id, socket.id, socket.user.clone());
        self.announce(&server, nsp, room, false, &name, user.as_ref());
    }

    /// A socket that was in a room is over. A user who was cut off may be back in a moment: a page that reloads.
    pub(super) fn gone(&mut self, id: SocketId, room: &Arc<str>, reason: Reason) {
        let Some(server) = self.announced(id) else { return };
        let Some(socket) = self.directory.socket(id) else { return };
        let (nsp, name, user) = (socket.nsp.id, socket.id, socket.user.clone());
        let grace = server.config.presence.grace;
        match &user {
            Some(user) if !matches!(reason, Reason::ServerKicked | Reason::ClientLeft) && grace > 0 => {
                let ticket = server.attendance.absent(room, user);
                let (room, user, server) = (room.clone(), user.clone(), server.id);
                let absence = Absence { server, nsp, room, user, socket: name, ticket };
                self.deadlines.set(Due::Absent(absence.into()), self.millis() + grace);
            }
            user => self.announce(&server, nsp, room, false, &name, user.as_ref()),
        }
    }

    /// The grace of a user who was cut off is over.
    pub(super) fn stayed_away(&mut self, absence: &Absence) {
        let Absence { server, nsp, room, user, socket, ticket } = absence;
        let Some(server) = self.context(*server) else { return };
        if server.attendance.is_gone(room, user, *ticket) && server.state() == State::Open {
            self.announce(&server, *nsp, room, false, socket, Some(user));
        }
    }

    /// Tells a room who came or went; every shard has members of it. A large room hears of many at once.
    fn announce(
        &mut self,
        server: &Arc<Context>,
        nsp: u32,
        room: &Arc<str>,
        came: bool,
        socket: &Id,
        user: Option<&Arc<str>>,
    ) {
        let who = who(socket, user);
        match server.attendance.tell(nsp, room, came, &who, server.config.presence.small_room) {
            Telling::Now => {}
            Telling::Later => return,
            Telling::Begin => {
                let place = (nsp, room.clone());
                return self.deadlines.set(Due::Crowd(server.id, place.into()), self.millis() + CROWD_EVERY);
            }
        }
        let event = if came { "room:joined" } else { "room:left" };
        let data = format!("{who},\"room\":{}}}", json::quoted(room));
        let text = events::envelope(event, &data, &self.iso(self.millis()), Some(room));
        // To come and to go is one state of a member: the newest counts.
        let key = socket.as_str().to_owned();
        let to = Selection::room(room.clone());
        self.effects.push(Effect::Announce { server: server.clone(), text, to, key: Some(key) });
    }

    /// A large room hears who came and went.
    pub(super) fn tell_crowd(&mut self, server: u32, (nsp, room): &Place) {
        let Some(server) = self.context(server).filter(|server| server.state() == State::Open) else { return };
        let Some(crowd) = server.attendance.crowd(*nsp, room) else { return };
        if crowd.joined.is_empty() && crowd.left.is_empty() {
            return;
        }
        let list = |members: &[String]| members.iter().map(|who| format!("{who}}}")).collect::<Vec<_>>().join(",");
        let more = if crowd.more { ",\"more\":true" } else { "" };
        let data = format!(
            "{{\"room\":{},\"count\":{},\"joined\":[{}],\"left\":[{}]{more}}}",
            json::quoted(room),
            crowd.count,
            list(&crowd.joined),
            list(&crowd.left)
        );
        let text = events::envelope("room:members", &data, &self.iso(self.millis()), Some(room));
        self.effects.push(Effect::Announce { server, text, to: Selection::room(room.clone()), key: None });
    }

    /// A room has its first member here.
    pub(super) fn room_inhabited(&mut self, id: SocketId, room: &Arc<str>) {
        let Some(socket) = self.directory.socket(id) else { return };
        let Some(connection) = self.directory.see(socket.connection) else { return };
        let asked = socket.rooms.get(room).is_some_and(|stay| stay.asked);
        let maker = connection.allowance.made().filter(|_| asked);
        let place = (socket.nsp.id, room.clone());
        let change = connection.server.attendance.inhabited(place.0, room, maker);
        let (server, name) = (connection.server.clone(), socket.nsp.name.clone());
        if change == Change::Inhabited {
            self.tell_of_room(&server, &name, room, true);
        }
    }

    /// A room has no member left here.
    pub(super) fn room_deserted(&mut self, id: SocketId, room: &Arc<str>) {
        let Some(socket) = self.directory.socket(id) else { return };
        let Some(server) = self.directory.server_of(id) else { return };
        let place = (socket.nsp.id, room.clone());
        if let Change::Empty(ticket) = server.attendance.deserted(place.0, room) {
            let until = self.millis() + server.config.presence.grace;
            self.deadlines.set(Due::Empty(server.id, place.clone().into()), until);
            self.empty.insert(place, ticket);
        }
    }

    /// The grace of a room without members is over.
    pub(super) fn room_stayed_empty(&mut self, server: u32, place: &Place) {
        let Some(ticket) = self.empty.remove(place) else { return };
        let Some(server) = self.context(server) else { return };
        let Some(nsp) = server.registry.all().into_iter().find(|known| known.id == place.0) else { return };
        if server.attendance.is_forsaken(place.0, &place.1, ticket) {
            self.tell_of_room(&server, &nsp.name, &place.1, false);
        }
    }

    fn tell_of_room(&mut self, server: &Arc<Context>, nsp: &str, room: &str, active: bool) {
        let text = event::room(nsp, room, active);
        let credit = server.ledger.charge(text.len());
        self.effects.push(Effect::Tell(server.clone(), Event::Room(text, credit)));
    }

    /// Sees to it that stale clients of a server are looked for.
    pub(super) fn keep_sweeping(&mut self, server: &Context) {
        if server.config.presence.stale_after.is_some()
            && let Some(tenant) = self.tenants.get_mut(&server.id)
            && !std::mem::replace(&mut tenant.swept, true)
        {
            self.deadlines.set(Due::Sweep(server.id), self.now.millis() + server.config.presence.sweep_interval);
        }
    }

    /// Disconnects the clients of which nothing was heard for too long.
    pub(super) fn sweep(&mut self, server: u32) {
        let Some(tenant) = self.tenants.get_mut(&server) else { return };
        tenant.swept = false;
        let server = tenant.context.clone();
        let (limit, now) = (server.config.presence.stale_after.unwrap_or(Millis::MAX), self.millis());
        let own = self.directory.connections().filter(|(_, connection)| connection.server.id == server.id);
        let stale: Vec<ConnectionId> = own
            .filter(|(_, connection)| connection.seen.saturating_add(limit) <= now && !connection.is_paused())
            .map(|(id, _)| id)
            .collect();
        for id in stale {
            server.counters(self.index).stale_clients.add(1);
            self.with_engine(id, |engine, effects| engine.end(Reason::Stale, effects));
        }
        if self.directory.connections().any(|(_, connection)| connection.server.id == server.id) {
            self.keep_sweeping(&server);
        }
    }
}
