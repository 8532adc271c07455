//! What the rest of the process may ask of a shard, and how a shard answers.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::identity::Identity;
use super::ids::Id;
use super::rooms::Selection;
use super::run::Run;
use super::server::{Namespace, Server};
use super::shard::Shard;
use crate::config::Batch;
use crate::guard::gate::Seat;
use crate::protocol::socket::Kind;
use crate::session::handshake::{Refusal, Request};

/// A connection's bytes, whatever carries them.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Makes a stream on the shard's own thread, where its I/O driver is.
pub type MakeStream = Box<dyn FnOnce() -> std::io::Result<Box<dyn Stream>> + Send>;

/// Names a socket for JavaScript: a number below 2^53, not used again for another socket.
pub type SocketKey = u64;

/// The answer to a polling request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 with a payload; the first of a session carries its id for the cookie.
    Payload { body: Vec<u8>, opened: Option<Id> },
    /// 200 `ok`, to a POST.
    Ok,
    /// 400 or 403 with Engine.IO's error body.
    Refused(Refusal),
    /// A bare status.
    Status(u16),
    /// None: the request's connection is destroyed.
    Cut,
}

/// Answers one polling request.
pub type Respond = Box<dyn FnOnce(Answer) + Send>;

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
    },
    /// It named a transport that is none: it is closed.
    Close,
}

/// A WebSocket whose HTTP part is done.
pub struct Incoming {
    /// Whose it is.
    pub server: Arc<Server>,
    /// Its bytes.
    pub stream: MakeStream,
    /// What is still to be written before the first frame: the 101 response, or nothing.
    pub preface: Bytes,
    /// What was read behind the request.
    pub head: Bytes,
    /// What it is for.
    pub purpose: Purpose,
}

/// A polling request that names a session.
pub struct SessionRequest {
    /// Whose it is.
    pub server: Arc<Server>,
    /// The session.
    pub sid: Id,
    /// Tells the request from others of the session.
    pub id: u64,
    /// As written.
    pub method: String,
    /// The query says `transport=websocket`.
    pub websocket: bool,
    /// `EIO=4`.
    pub current: bool,
    /// The body is `application/octet-stream`.
    pub binary: bool,
    /// The answer.
    pub respond: Respond,
}

/// An event on its way to many sockets, encoded once.
pub struct Emit {
    /// The namespace.
    pub nsp: Arc<Namespace>,
    /// Who gets it.
    pub to: Selection,
    /// Dropped for those who cannot be written to now.
    pub volatile: bool,
    /// May wait for others of its room, within these limits.
    pub batch: Option<Batch>,
    /// Whose it is.
    pub server: Arc<Server>,
    /// The event.
    pub run: Arc<Run>,
}

/// A change for many sockets.
#[derive(Debug, Clone)]
pub enum Change {
    /// Into these rooms.
    Join(Vec<Arc<str>>),
    /// Out of these rooms.
    Leave(Vec<Arc<str>>),
    /// Out of every room, the own one too.
    LeaveAll,
    /// Disconnected; with `true` the whole connection.
    Disconnect(bool),
}

/// Something that runs on the shard's thread.
pub type Task = Box<dyn FnOnce(&Rc<RefCell<Shard>>) + Send>;

/// One command.
pub enum Command {
    /// A WebSocket has come.
    WebSocket(Box<Incoming>),
    /// A polling handshake.
    OpenPolling { server: Arc<Server>, request: Box<Request>, seat: Seat, respond: Respond },
    /// A polling request to a session.
    Request(Box<SessionRequest>),
    /// The body of a POST is whole.
    Body { sid: Id, id: u64, body: Bytes },
    /// The body of a POST is too large.
    TooLarge { sid: Id, id: u64 },
    /// The client gave up a request.
    Aborted { sid: Id, id: u64 },
    /// An event for many.
    Emit(Arc<Emit>),
    /// A packet for one socket.
    Send { socket: SocketKey, kind: Kind, id: Option<f64>, volatile: bool, text: String, attachments: Vec<Bytes> },
    /// JavaScript lets a socket in.
    Accept { socket: SocketKey, identity: Identity },
    /// JavaScript refuses a socket; `error` is CONNECT_ERROR's JSON object.
    Deny { socket: SocketKey, error: String },
    /// JavaScript has decided about a room that a client wants to join; `token` names the question.
    Joined { socket: SocketKey, token: u32, error: Option<String> },
    /// Rooms of one socket, or its end.
    Change { socket: SocketKey, change: Change },
    /// The same for many sockets.
    ChangeAll { nsp: Arc<Namespace>, to: Selection, change: Change },
    /// Closes the connection under a socket.
    CloseConnection { socket: SocketKey },
    /// JavaScript has caught up with a connection: read on.
    Resume { connection: u64 },
    /// A connection takes too long over a message: close it.
    Cut { connection: u64 },
    /// Flush everything of a server, then close it, by `deadline` milliseconds from now. `patient`: a polling client may
    /// still come for what waits.
    Close { server: Arc<Server>, deadline: u64, patient: bool },
    /// Tell JavaScript which rooms of a server have members.
    Watch { server: Arc<Server> },
    /// Runs something on the shard's thread.
    Run(Task),
    /// Ends the thread.
    Stop,
}
