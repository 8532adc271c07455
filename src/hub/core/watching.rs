//! Who comes into a room and leaves it, for JavaScript that listens: of the namespaces that it watches.

use super::Core;
use super::effect::Effect;
use super::socket::SocketId;
use crate::hub::event::Event;
use crate::protocol::json;

impl Core {
    /// Tells JavaScript from now on, or no more. Returns who is in which room.
    pub(super) fn watch(&mut self, nsp: u32, on: bool) -> Vec<(String, Vec<String>)> {
        if on {
            self.watched.insert(nsp);
        } else {
            self.watched.remove(&nsp);
        }
        self.table(nsp)
    }

    fn watches(&self, id: SocketId) -> bool {
        !self.watched.is_empty()
            && self.directory.socket(id).is_some_and(|socket| self.watched.contains(&socket.nsp.id))
    }

    /// Whether a room is a watched socket's own, and the socket is in it.
    pub(super) fn watches_own(&self, id: SocketId, room: &str) -> bool {
        self.watches(id) && self.directory.socket(id).is_some_and(|socket| *room == *socket.id.as_str())
    }

    /// Whether a room is a watched socket's own, and the socket has left it.
    pub(super) fn is_hidden(&self, id: SocketId, room: &str) -> bool {
        self.watches_own(id, room) && !self.is_told_of(id)
    }

    fn is_told_of(&self, id: SocketId) -> bool {
        let Some(socket) = self.directory.socket(id) else { return false };
        self.directory.space(socket.nsp.id).is_some_and(|space| space.shows(&socket.id))
    }

    /// A socket has come into the room that is its id, or is about to leave it.
    pub(super) fn tell_own_stay(&mut self, id: SocketId, joined: bool) {
        if !self.watches(id) || !self.is_told_of(id) {
            return;
        }
        if let Some(name) = self.directory.socket(id).map(|socket| socket.id) {
            self.tell_stay(id, name.as_str(), joined);
        }
    }

    /// A socket has come into a room, or left it.
    pub(super) fn tell_stay(&mut self, id: SocketId, room: &str, joined: bool) {
        if !self.watches(id) {
            return;
        }
        let Some(socket) = self.directory.socket(id) else { return };
        let Some(server) = self.directory.server_of(id) else { return };
        let (nsp, room) = (json::quoted(&socket.nsp.name), json::quoted(room));
        let text = format!("{{\"nsp\":{nsp},\"room\":{room},\"id\":\"{}\",\"joined\":{joined}}}", socket.id.as_str());
        let credit = server.ledger.charge(text.len());
        let told = Effect::Tell(server.clone(), Event::Stay(text, credit));
        self.effects.push(told);
    }
}
