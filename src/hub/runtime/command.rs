//! What the rest of the process may ask of a shard.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Shard;
use crate::hub::context::Context;
use crate::hub::core::look::{Answers, Question};
use crate::hub::message::Message;
use crate::protocol::deflate::Agreed;

pub use crate::hub::core::effect::{Answer, Respond};
pub use crate::hub::core::input::{Input, Purpose, Send as Packet, SessionRequest};

/// A connection's bytes, whatever carries them.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Makes a stream on the shard's own thread, where its I/O driver is.
pub type MakeStream = Box<dyn FnOnce() -> std::io::Result<Box<dyn Stream>> + Send>;

/// A WebSocket whose HTTP part is done.
pub struct Incoming {
    /// Whose it is.
    pub server: Arc<Context>,
    /// Its bytes.
    pub stream: MakeStream,
    /// What is still to be written before the first frame.
    pub preface: Bytes,
    /// Messages may be compressed.
    pub agreed: Option<Agreed>,
    /// What was read behind the request.
    pub head: Bytes,
    /// What it is for.
    pub purpose: Purpose,
}

/// Something that runs on the shard's thread.
pub type Task = Box<dyn FnOnce(&Rc<RefCell<Shard>>) + Send>;

/// One command.
pub enum Command {
    /// A WebSocket has come.
    WebSocket(Box<Incoming>),
    /// A message for many; true: an event, which may wait for others.
    Message(Arc<Message>, bool),
    /// Something else for the core.
    Core(Input),
    /// Answer a question.
    Ask(Question, Box<dyn FnOnce(Answers) + Send>),
    /// Runs something on the shard's thread.
    Run(Task),
    /// Ends the thread.
    Stop,
}

impl From<Input> for Command {
    fn from(input: Input) -> Self {
        Self::Core(input)
    }
}
