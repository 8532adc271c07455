//! What the core wants done. It does nothing itself that reaches beyond it.

use std::fmt;
use std::sync::Arc;

use super::link::LinkId;
use super::recovery::{Claim, Session};
use crate::hub::context::Context;
use crate::hub::event::{Event, SocketKey};
use crate::hub::form::Form;
use crate::hub::ids::Id;
use crate::hub::message::Selection;
use crate::hub::run::Run;
use crate::protocol::request::Token;
use crate::session::handshake::Refusal;

/// The answer to a polling request.
#[allow(missing_docs)] // Of fields: the variants' comments tell.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 with a payload; the first of a session carries its id for the cookie. `plain`: it is not to be compressed.
    Payload { body: Vec<u8>, opened: Option<Id>, plain: bool },
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

/// One thing to do.
#[allow(missing_docs)] // Of fields: the variants' comments tell.
pub enum Effect {
    /// Answer a polling request.
    Reply(Respond, Answer),
    /// Tell JavaScript.
    Tell(Arc<Context>, Event),
    /// Emit an event of the nself layer, on all shards. `key`: the newest of it stays in a full outbox.
    Announce { server: Arc<Context>, text: String, to: Selection, key: Option<String> },
    /// Ask a shard for a session. In the order of the bus: what was published before comes before it.
    Claim { owner: usize, claim: Box<Claim> },
    /// Answer another shard's claim.
    Claimed { shard: usize, socket: SocketKey, session: Option<Box<Session>> },
    /// Read a WebSocket on.
    Read(LinkId),
    /// Have a run deflated elsewhere.
    Deflate(Arc<Run>, Arc<Form>),
    /// A WebSocket has nothing more to say: its peer sees the end.
    Finish(LinkId),
    /// A WebSocket is gone.
    Drop(LinkId),
    /// A request's name is held no longer.
    Release(Token),
    /// No client of a server is left here: its listener may stop.
    Drained(Arc<Context>),
    /// Nothing of a server is left here.
    Closed(Arc<Context>),
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply(..) => "Reply",
            Self::Tell(..) => "Tell",
            Self::Announce { .. } => "Announce",
            Self::Claim { .. } => "Claim",
            Self::Claimed { .. } => "Claimed",
            Self::Read(_) => "Read",
            Self::Deflate(..) => "Deflate",
            Self::Finish(_) => "Finish",
            Self::Drop(_) => "Drop",
            Self::Release(_) => "Release",
            Self::Drained(_) => "Drained",
            Self::Closed(_) => "Closed",
        })
    }
}
