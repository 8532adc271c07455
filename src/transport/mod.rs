//! How clients come in: plain HTTP requests and upgrades, the listener that owns a port, sockets taken over from Node.

pub mod listener;
pub mod polling;
mod quick;
#[cfg(unix)]
pub mod takeover;
pub mod upgrade;

use crate::config::Config;
use crate::session::handshake::{Refusal, Request, Transports};

/// Response headers: name, value.
pub type Headers = Vec<(String, String)>;

/// A whole HTTP response. Status 0: none, the connection is destroyed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Name, value.
    pub headers: Headers,
    /// May be empty.
    pub body: Vec<u8>,
}

fn own(headers: crate::guard::cors::Headers) -> Headers {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Which transports a server serves.
pub fn served(config: &Config) -> Transports {
    Transports { polling: config.polling, websocket: config.websocket }
}

/// Says on the server why a request was refused, and what about it: an old client has no way to tell its user.
fn note_of(refusal: &Refusal, request: &Request) {
    let client = match request.param("EIO").as_deref() {
        Some("3") => "socket.io-client 1 or 2 (EIO=3)",
        Some("1" | "2") => "socket.io-client 0.9 or older",
        _ => return note(refusal, &request.remote),
    };
    if *refusal != Refusal::BAD_VERSION {
        return note(refusal, &request.remote);
    }
    let remote = &*request.remote;
    tracing::warn!(client, remote, "refused a client that is too old: socket.io-client 3 and 4 are served");
}

/// The same of what is no request yet.
fn note(refusal: &Refusal, remote: &str) {
    let reason = &*refusal.message;
    if refusal.is_limit() {
        tracing::warn!(reason, remote, "refused a client beyond a limit");
    } else {
        tracing::info!(reason, remote, "refused a request");
    }
}
