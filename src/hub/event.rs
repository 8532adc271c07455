//! What happened, for JavaScript.

use std::sync::Arc;

use bytes::Bytes;

use super::account::Credit;
use super::acks::{Answer, GroupId};
use crate::protocol::json;
use crate::protocol::socket::Kind;

/// Names a socket for JavaScript: a number below 2^53, not used again for another socket.
pub type SocketKey = u64;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A client asks for a namespace; answer with accept or deny, then release the decision.
    Connecting(Box<Arrival>),
    /// A client joined.
    Connect(Box<Arrival>),
    /// An event or an ack from a client.
    Packet(Box<Packet>),
    /// A client wants to join a room; answer with the token.
    Join(Box<Join>),
    /// A socket is over: JSON `{reason, rooms}`.
    Disconnect(SocketKey, String, Credit),
    /// A room got its first member, or lost its last: JSON `{nsp, room, active}`.
    Room(String, Credit),
    /// A socket came into a room of a namespace that is watched, or left it: JSON `{nsp, room, id, joined}`.
    Stay(String, Credit),
    /// All have answered an event that asked many, or can answer no more.
    Answers(GroupId, Vec<Answer>, Credit),
    /// A client asks for a namespace that is not there yet; answer with the token, then release the decision.
    Namespace(Box<Wish>),
    /// A line for the application's logger: JSON `{level, target, message, fields}`.
    Log(String),
    /// The server is closed: JSON report.
    Closed(String),
}

/// A client that asks for a namespace, or has joined it.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub socket: SocketKey,
    /// The binding's ConnectInfo, JSON.
    pub info: String,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// An event or an ack from a client. Dropping it gives its bytes back to the connection's account.
#[derive(Debug)]
pub struct Packet {
    /// From which socket.
    pub socket: SocketKey,
    /// EVENT or ACK.
    pub kind: Kind,
    /// The ack id.
    pub id: Option<f64>,
    /// JSON array; an event's name first.
    pub data: String,
    /// In the order of their placeholders.
    pub attachments: Vec<Bytes>,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// A client wants to join a room.
#[derive(Debug)]
pub struct Join {
    /// With which socket.
    pub socket: SocketKey,
    /// Names the question among others of the socket.
    pub token: u32,
    /// The room.
    pub room: Arc<str>,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// A client asks for a namespace that is not there yet.
#[derive(Debug)]
pub struct Wish {
    /// Whose wish it is: a connection's key, made as those of sockets are.
    pub connection: SocketKey,
    /// Names the question among others.
    pub token: u32,
    /// JSON `{name, auth}`.
    pub info: String,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// Where events go. It must not block.
pub trait Sink: Send + Sync {
    /// Takes an event.
    fn push(&self, event: Event);
}

/// What JavaScript is told of a room that has its first member, or none any more.
pub fn room(nsp: &str, room: &str, active: bool) -> String {
    format!("{{\"nsp\":{},\"room\":{},\"active\":{active}}}", json::quoted(nsp), json::quoted(room))
}
