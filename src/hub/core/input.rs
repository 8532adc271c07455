//! What the core is told: by JavaScript, by clients' requests, by other shards.

use std::sync::Arc;

use bytes::Bytes;

use super::access::Identity;
use super::effect::Respond;
use super::recovery::{Claim, Session};
use crate::guard::gate::Seat;
use crate::hub::context::Context;
use crate::hub::event::{ConnectionKey, SocketKey};
use crate::hub::ids::Id;
use crate::hub::message::{Change, Message};
use crate::protocol::frame::Frame;
use crate::protocol::socket::Kind;
use crate::session::handshake::Request;

/// What an established WebSocket is for.
pub enum Purpose {
    /// A new session: the request that asked for it, and its place.
    Open(Box<Request>, Seat),
    /// An upgrade of the session with this id.
    Probe {
        /// Not checked yet.
        sid: String,
        /// `EIO=4`.
        current: bool,
        /// `transport=websocket`; with another one it is closed.
        websocket: bool,
        /// The request, if somebody wants to know of its refusal.
        request: Option<Box<Request>>,
    },
    /// It named a transport that is none: it is closed.
    Close,
}

/// A polling request that names a session.
pub struct SessionRequest {
    /// Whose it is.
    pub server: Arc<Context>,
    /// The session.
    pub sid: Id,
    /// Names the request for what follows.
    pub id: u64,
    /// GET, POST, or something that is refused.
    pub method: String,
    /// It said `transport=websocket`.
    pub websocket: bool,
    /// `EIO=4`.
    pub current: bool,
    /// Its content type is `application/octet-stream`.
    pub binary: bool,
    /// Gets the answer.
    pub respond: Respond,
}

/// A packet for one socket.
pub struct Send {
    /// Which.
    pub socket: SocketKey,
    /// EVENT or ACK.
    pub kind: Kind,
    /// The ack id.
    pub id: Option<f64>,
    /// Dropped if it cannot be written now.
    pub volatile: bool,
    /// Not to be compressed.
    pub plain: bool,
    /// JSON array.
    pub text: String,
    /// In the order of their placeholders.
    pub attachments: Vec<Bytes>,
}

/// One thing that the core is told.
#[allow(missing_docs)] // Of fields: the variants' comments tell.
pub enum Input {
    /// A polling handshake.
    OpenPolling { server: Arc<Context>, request: Box<Request>, seat: Seat, respond: Respond },
    /// A polling request to a session.
    Request(Box<SessionRequest>),
    /// The body of a POST is whole.
    Body { sid: Id, id: u64, body: Bytes },
    /// The body of a POST is too large.
    TooLarge { sid: Id, id: u64 },
    /// The client gave up a request.
    Aborted { sid: Id, id: u64 },
    /// A message for many.
    Message(Arc<Message>),
    /// A packet for one socket.
    Send(Box<Send>),
    /// JavaScript lets a socket in.
    Accept { socket: SocketKey, identity: Identity },
    /// JavaScript refuses a socket; `error` is CONNECT_ERROR's JSON object.
    Deny { socket: SocketKey, error: String },
    /// JavaScript has decided about a room that a client wants to join; `token` names the question.
    Joined { socket: SocketKey, token: u32, error: Option<String> },
    /// JavaScript has made the namespace that a client asked for, or there is none.
    Wished { connection: u64, token: u32 },
    /// Rooms of one socket, or its end.
    Change { socket: SocketKey, change: Change },
    /// Closes the connection under a socket.
    CloseConnection { socket: SocketKey },
    /// What JavaScript wants to know of a connection: bits of `eye`.
    Watch { server: Arc<Context>, connection: ConnectionKey, eye: u8 },
    /// Ends a connection; `discard`: without what waits.
    End { connection: ConnectionKey, discard: bool },
    /// An Engine.IO packet for a client.
    Say { connection: ConnectionKey, frame: Frame },
    /// JavaScript has caught up with a connection: read on.
    Resume { connection: u64 },
    /// Something that connections wait for is deflated.
    Deflated,
    /// A connection takes too long over a message: close it.
    Cut { connection: u64 },
    /// Another shard wants a session of this one.
    Claim(Box<Claim>),
    /// The answer to a claim of this shard.
    Claimed { socket: SocketKey, session: Option<Box<Session>> },
    /// Flush everything of a server, then close it, by `deadline` milliseconds from now. `patient`: a polling client may
    /// still come for what waits.
    Close { server: Arc<Context>, deadline: u64, patient: bool },
    /// An HTTP connection of a server has come, or gone: a closing server waits for it too.
    Guest { server: Arc<Context>, came: bool },
}
