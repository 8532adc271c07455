//! Error codes, which are part of the public contract, and the reasons why connections end.

use thiserror::Error;

/// What went wrong at the call, with a stable code for programs and a text that says what to do for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Error {
    /// `ERR_…`, listed in docs/troubleshooting.md.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Error {
    /// An error with a code and a text.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// `ERR_INVALID_OPTION`: an option has the wrong type or range; the message names it.
    pub fn option(name: &str, must: &str) -> Self {
        Self::new("ERR_INVALID_OPTION", format!("option \"{name}\" {must}"))
    }

    /// `ERR_INVALID_EVENT`: an event's data does not fit its type; the message names the field.
    pub fn event(message: impl Into<String>) -> Self {
        Self::new("ERR_INVALID_EVENT", message)
    }

    /// `ERR_SERVER_CLOSED`: the server is closed or was never opened.
    pub fn closed() -> Self {
        Self::new("ERR_SERVER_CLOSED", "the real-time server is closed")
    }
}

/// Why a connection or a socket ended; the texts are Socket.IO's, which applications compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Reason {
    /// The client closed the connection, or it was cut.
    #[error("transport close")]
    TransportClose,
    /// The connection broke, or the client broke the transport's rules.
    #[error("transport error")]
    TransportError,
    /// No pong in time.
    #[error("ping timeout")]
    PingTimeout,
    /// A bad Engine.IO packet.
    #[error("parse error")]
    ParseError,
    /// A bad Socket.IO packet, one for a namespace that was not joined, or `socket.conn.close()`.
    #[error("forced close")]
    ForcedClose,
    /// The server is closing.
    #[error("server shutting down")]
    ServerShutdown,
    /// The client left the namespace.
    #[error("client namespace disconnect")]
    ClientLeft,
    /// The server removed the socket from the namespace.
    #[error("server namespace disconnect")]
    ServerKicked,
    /// The client reads too slowly: more waits for it than `maxOutbox` allows.
    #[error("slow client")]
    SlowClient,
    /// Nothing was heard of the client for too long.
    #[error("stale client")]
    Stale,
    /// The client went on sending more than it may.
    #[error("rate limit")]
    RateLimit,
    /// An internal error ended this one session.
    #[error("internal error")]
    Internal,
}
