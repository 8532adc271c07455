//! A WebSocket as the core knows it: its frames, what it is for, and how far it is from its end. A link may outlive its
//! connection, to deliver the last packets and the close frame.

use std::num::NonZeroU8;
use std::sync::Arc;

use super::arena;
use super::connection::ConnectionId;
use super::outbox::Outbox;
use crate::config::Config;
use crate::hub::context::Context;
use crate::protocol::deflate::Agreed;
use crate::session::Millis;
use crate::session::engine::Channel;
use crate::session::websocket::WebSocket;

/// Names a WebSocket on its shard.
pub type LinkId = arena::Id<Link>;

/// Bytes that are still taken from a client to which the close frame was sent. To end before they are read would cost the
/// client what was sent last; to read on for ever would serve a flood.
pub const DRAIN: usize = 1 << 20;
/// How long a client that closes may go on to take what waits, as long as it takes some.
const LONGEST: Millis = 60_000;

/// Where a link is in its life.
#[allow(missing_docs)] // Of fields: the variants' comments tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It serves a connection.
    Live,
    /// The close frame is queued. `finish`: no answer is awaited, only the end of the stream. `owed`: packets waited before it.
    Closing { finish: bool, owed: bool, since: Millis },
}

/// One WebSocket.
pub struct Link {
    /// Whose it is.
    pub server: Arc<Context>,
    /// The connection that it serves.
    pub connection: Option<ConnectionId>,
    /// As its transport, or on trial.
    pub channel: Channel,
    /// Its frames.
    pub socket: WebSocket,
    /// The window that messages to its client are deflated with, in bits, if that was agreed on.
    pub window: Option<NonZeroU8>,
    /// What it writes while it is not a connection's transport.
    pub tail: Outbox,
    /// How far it is.
    pub phase: Phase,
    /// Bytes that came since it is closing.
    pub drained: usize,
    /// It is among those that are written.
    pub dirty: bool,
    /// It goes at the end of the step.
    pub doomed: bool,
}

impl Link {
    /// A new one. `agreed`: messages may be compressed.
    pub fn new(server: Arc<Context>, agreed: Option<Agreed>) -> Self {
        let (most, pieces) = (server.config.max_http_buffer_size, server.config.limits.max_fragments);
        let socket = match agreed {
            None => WebSocket::new(most, pieces),
            Some(agreed) => WebSocket::deflating(most, pieces, agreed),
        };
        Self {
            server,
            connection: None,
            channel: Channel::Main,
            socket,
            window: agreed.and_then(|agreed| NonZeroU8::new(agreed.window)),
            tail: Outbox::default(),
            phase: Phase::Live,
            drained: 0,
            dirty: false,
            doomed: false,
        }
    }

    /// The connection whose outbox it writes.
    pub fn owner(&self) -> Option<ConnectionId> {
        self.connection.filter(|_| self.channel == Channel::Main)
    }

    /// Queues what a connection had still to send, behind what this link began to write of it.
    pub fn push_tail(&mut self, mut rest: Outbox) {
        // Nobody would tell a link that its forms are made.
        rest.make_forms();
        if self.tail.is_empty() {
            self.tail = rest;
        } else {
            self.tail.append(rest);
        }
    }

    /// When a link that closes is dropped, unless it is over before.
    pub fn lingers_until(&self, now: Millis) -> Option<Millis> {
        match self.phase {
            Phase::Live => None,
            Phase::Closing { since, .. } => Some((now + Config::LINGER.as_millis() as u64).min(since + LONGEST)),
        }
    }
}
