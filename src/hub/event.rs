//! What happened, for JavaScript.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::account::Credit;
use super::acks::{Answer, GroupId};
use crate::config::Cors;
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
    /// A request on a port of ours, about which JavaScript is asked before it is served.
    Asked(Box<Asked>),
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
    /// A request was refused, and somebody wants to know: JSON `{code, message, method, token, request}`.
    Refused(String, Credit),
    /// A client sent something that cannot be read: its socket, and what is wrong. Its connection ends.
    Fault(SocketKey, String, Credit),
    /// Something happened to a connection on which JavaScript keeps an eye.
    Line(Box<Line>),
}

/// Names a connection for JavaScript, as [`SocketKey`] names a socket.
pub type ConnectionKey = u64;

/// What JavaScript wants to know of a connection: bits of a set.
pub mod eye {
    /// JavaScript was told of a socket of it: it hears of the upgrade.
    pub const UPGRADE: u8 = 1;
    /// Its end.
    pub const END: u8 = 2;
    /// Packets from the client.
    pub const PACKETS: u8 = 4;
    /// Packets to the client.
    pub const SENT: u8 = 8;
    /// All that waited is written.
    pub const DRAINED: u8 = 16;
}

/// What JavaScript wants to know of a server: bits of a set.
pub mod watch {
    /// Requests that are refused.
    pub const REFUSALS: u32 = 1;
    /// Connections that open.
    pub const CONNECTIONS: u32 = 2;
}

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It opened: JSON `{sid, transport, token, handshake}`.
    Opened,
    /// It went over to WebSocket.
    Upgraded,
    /// A packet came: its type and text; binary data is attached.
    Packet,
    /// A packet was made for the client: the same.
    Sent,
    /// All that waited is written.
    Drained,
    /// It is over: JSON `{reason, description}`.
    Ended,
}

/// Something that happened to a connection.
#[derive(Debug)]
pub struct Line {
    /// Which.
    pub connection: ConnectionKey,
    /// What.
    pub what: Happening,
    /// More about it.
    pub text: String,
    /// Binary data.
    pub data: Option<Bytes>,
    /// Its share of what may wait.
    pub credit: Credit,
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

/// A request on a port of ours, about which JavaScript is asked before it is served.
#[derive(Debug)]
pub struct Asked {
    /// `{method, url, headers, rawHeaders, remoteAddress}`, JSON.
    pub head: String,
    /// Where the answer goes; without one the connection ends.
    pub answer: oneshot::Sender<Said>,
    /// Its share of what may wait.
    pub credit: Credit,
}

/// What JavaScript says of such a request.
#[derive(Debug)]
pub enum Said {
    /// It is to be served, with these rules of CORS, instead of the server's.
    Serve(Option<Box<Cors>>),
    /// The response: status, headers, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
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
