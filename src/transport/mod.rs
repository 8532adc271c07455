//! How clients come in: plain HTTP requests and upgrades, the listener that owns a port, sockets taken over from Node.

pub mod compressor;
pub mod listener;
pub mod polling;
mod quick;
#[cfg(unix)]
pub mod takeover;
pub mod upgrade;

use crate::session::handshake::Refusal;

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

/// Says on the server why a request was refused; its client hears little.
fn note(refusal: &Refusal, remote: &str) {
    let reason = &*refusal.message;
    if refusal.is_limit() {
        tracing::warn!(reason, remote, "refused a client beyond a limit");
    } else {
        tracing::info!(reason, remote, "refused a request");
    }
}
