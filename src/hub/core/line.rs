//! What JavaScript keeps an eye on: single connections, as Engine.IO knows them. Whatever nobody asked for is not told.

use std::sync::Arc;

use bytes::Bytes;

use super::Core;
use super::connection::{Connection, ConnectionId};
use super::effect::Effect;
use super::socket::key_of;
use crate::error::Reason;
use crate::hub::context::Context;
use crate::hub::event::{ConnectionKey, Event, Happening, Line, eye, watch};
use crate::protocol::engine::Packet;
use crate::protocol::frame::{self, Frame};
use crate::protocol::json;
use crate::session::engine::{Channel, Transport};

impl Core {
    /// The name of a connection for JavaScript: the shard above the id.
    pub(super) fn line_key(&self, id: ConnectionId) -> ConnectionKey {
        key_of(self.index, id)
    }

    fn find_line(&self, key: ConnectionKey) -> Option<ConnectionId> {
        let id = ConnectionId::from_bits(key);
        self.directory.see(id).map(|_| id)
    }

    /// What JavaScript wants to know of a connection from now on. Of one that is over it is told so, if that is what it wants.
    pub(super) fn watch_line(&mut self, server: &Arc<Context>, key: ConnectionKey, wanted: u8) {
        let found = self.find_line(key).and_then(|id| self.directory.connection(id));
        let ended = match found.filter(|connection| connection.server.id == server.id) {
            Some(connection) => {
                let before = connection.eye;
                connection.eye = wanted | before & eye::UPGRADE;
                connection.ended.filter(|_| before & eye::END == 0)
            }
            None => Some(Reason::TransportClose),
        };
        if let Some(reason) = ended.filter(|_| wanted & eye::END != 0) {
            self.tell_end(server.clone(), key, reason, "");
        }
    }

    /// JavaScript ends a connection.
    pub(super) fn end_line(&mut self, key: ConnectionKey, discard: bool) {
        let Some(id) = self.find_line(key) else { return };
        if discard {
            self.with_engine(id, |engine, effects| engine.end(Reason::ForcedClose, effects));
        } else {
            self.close_connection(id, Reason::ForcedClose);
        }
    }

    /// JavaScript ends all connections of a server. Returns how many there were.
    pub(super) fn end_lines(&mut self, server: u32) -> usize {
        let theirs = self.directory.connections().filter(|(_, connection)| connection.server.id == server);
        let theirs: Vec<ConnectionId> = theirs.map(|(id, _)| id).collect();
        for id in &theirs {
            self.with_engine(*id, |engine, effects| engine.end(Reason::ForcedClose, effects));
        }
        theirs.len()
    }

    /// An Engine.IO packet of JavaScript's.
    pub(super) fn say(&mut self, key: ConnectionKey, frame: Frame) {
        if let Some(id) = self.find_line(key) {
            self.push(id, &[frame]);
        }
    }

    /// How a connection is, as JSON.
    pub(super) fn line_state(&self, key: ConnectionKey) -> Option<String> {
        let connection = self.find_line(key).and_then(|id| self.directory.see(id))?;
        let (upgrading, upgraded) = connection.engine.upgrade_state();
        Some(format!(
            "{{\"transport\":\"{}\",\"readyState\":\"{}\",\"upgrading\":{upgrading},\"upgraded\":{upgraded},\"waiting\":{}}}",
            transport_name(connection),
            connection.engine.ready_state(),
            connection.outbox.packets(),
        ))
    }

    fn tell_line(&mut self, id: ConnectionId, what: Happening, text: String, data: Option<Bytes>) {
        let size = text.len() + data.as_ref().map_or(0, Bytes::len);
        let Some(credit) = self.charge(id, size) else { return };
        let Some(server) = self.directory.see(id).map(|connection| connection.server.clone()) else { return };
        let line = Line { connection: self.line_key(id), what, text, data, credit };
        self.effects.push(Effect::Tell(server, Event::Line(Box::new(line))));
    }

    /// A connection has opened.
    pub(super) fn tell_opened(&mut self, id: ConnectionId) {
        let Some(connection) = self.directory.connection(id) else { return };
        if !connection.server.watches(watch::CONNECTIONS) {
            return;
        }
        connection.eye = eye::UPGRADE | eye::END;
        let text = format!(
            "{{\"sid\":\"{}\",\"transport\":\"{}\",\"token\":{},\"handshake\":{}}}",
            connection.sid.as_str(),
            transport_name(connection),
            token_json(connection),
            connection.handshake.as_deref().unwrap_or("null"),
        );
        self.tell_line(id, Happening::Opened, text, None);
    }

    /// A connection went over to WebSocket.
    pub(super) fn tell_upgraded(&mut self, id: ConnectionId) {
        if self.directory.see(id).is_some_and(|connection| connection.eye & eye::UPGRADE != 0) {
            self.tell_line(id, Happening::Upgraded, String::new(), None);
        }
    }

    /// A packet has come from a client.
    pub(super) fn tell_packet(&mut self, id: ConnectionId, channel: Channel, packet: &Packet<'_>) {
        let is_open = |connection: &Connection| {
            let is_probe = channel == Channel::Probe && connection.engine.transport() == Transport::Polling;
            connection.engine.is_open() && !is_probe
        };
        if !self.directory.see(id).is_some_and(is_open) {
            return;
        }
        let (text, data) = match packet {
            Packet::Text(text) => (format!("4{text}"), None),
            Packet::Binary(data) => ("b".into(), Some(data.clone())),
            Packet::Open => ("0".into(), None),
            Packet::Close => ("1".into(), None),
            Packet::Ping(text) => (format!("2{text}"), None),
            Packet::Pong => ("3".into(), None),
            Packet::Upgrade => ("5".into(), None),
            Packet::Noop => ("6".into(), None),
            Packet::Invalid => return,
        };
        self.tell_line(id, Happening::Packet, text, data);
    }

    /// Packets were made for a client: whole frames.
    pub(super) fn tell_sent(&mut self, id: ConnectionId, wire: &[u8]) {
        if self.directory.see(id).is_none_or(|connection| connection.eye & eye::SENT == 0) {
            return;
        }
        let mut packets = Vec::new();
        frame::each(wire, |packet| {
            packets.push(match packet.is_binary {
                true => ("b".to_owned(), Some(Bytes::copy_from_slice(packet.payload))),
                false => (String::from_utf8_lossy(packet.payload).into_owned(), None),
            });
        });
        for (text, data) in packets {
            self.tell_line(id, Happening::Sent, text, data);
        }
    }

    /// All that waited for a client is written.
    pub(super) fn tell_drained(&mut self, id: ConnectionId) {
        if self.directory.see(id).is_some_and(|connection| connection.eye & eye::DRAINED != 0) {
            self.tell_line(id, Happening::Drained, String::new(), None);
        }
    }

    /// A client sent something that cannot be read: each of its sockets that JavaScript knows hears what is wrong.
    pub(super) fn tell_fault(&mut self, id: ConnectionId, what: &str) {
        for socket in self.directory.sockets_of(id) {
            let is_known = self.directory.socket(socket).is_some_and(|socket| socket.told && socket.is_joined());
            if let Some(credit) = is_known.then(|| self.charge(id, what.len())).flatten() {
                self.tell_server(socket, Event::Fault(self.key(socket), what.to_owned(), credit));
            }
        }
    }

    /// Notes what broke the transport, should it turn out to be broken. The first word counts.
    pub(super) fn blame(&mut self, id: ConnectionId, what: &'static str) {
        if let Some(connection) = self.directory.connection(id).filter(|connection| connection.ended.is_none()) {
            connection.description.get_or_insert(what);
        }
    }

    /// What to say of the end of a socket beside its reason: a member of a JSON object, or nothing.
    pub(super) fn description_of(&self, id: ConnectionId, reason: Reason) -> String {
        let told = self.directory.see(id).and_then(|connection| connection.description);
        let told = told.filter(|_| reason == Reason::TransportError);
        told.map_or(String::new(), |text| format!(",\"description\":{}", json::quoted(text)))
    }

    /// Tells of connections that are over: their sockets were told of before.
    pub(super) fn tell_parted(&mut self) {
        for id in std::mem::take(&mut self.parted) {
            let Some(connection) = self.directory.see(id) else { continue };
            let Some(reason) = connection.ended else { continue };
            let description = self.description_of(id, reason);
            self.tell_end(connection.server.clone(), self.line_key(id), reason, &description);
        }
    }

    fn tell_end(&mut self, server: Arc<Context>, connection: ConnectionKey, reason: Reason, description: &str) {
        let text = format!("{{\"reason\":\"{reason}\"{description}}}");
        let credit = server.ledger.charge(text.len());
        let line = Line { connection, what: Happening::Ended, text, data: None, credit };
        self.effects.push(Effect::Tell(server, Event::Line(Box::new(line))));
    }
}

/// The transport in use, as Engine.IO names it.
pub(super) fn transport_name(connection: &Connection) -> &'static str {
    match connection.engine.transport() {
        Transport::Polling => "polling",
        Transport::WebSocket => "websocket",
    }
}

/// How the outside names the request that began a connection.
pub(super) fn token_json(connection: &Connection) -> String {
    connection.token.as_ref().map_or("null".into(), |token| token.id().to_string())
}
