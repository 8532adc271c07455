//! The verdict on an HTTP request before any session takes part (Engine.IO: order of checks and error codes).

use std::borrow::Cow;

use bytes::Bytes;

use crate::protocol::json;
pub use crate::protocol::request::Request;

/// A refused request: Engine.IO's error codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 0 to 5 are Engine.IO's.
    pub code: u8,
    /// Its standard text, or the application's.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// Code 0.
    pub const UNKNOWN_TRANSPORT: Self = Self::standard(0, "Transport unknown");
    /// Code 1.
    pub const UNKNOWN_SID: Self = Self::standard(1, "Session ID unknown");
    /// Code 2.
    pub const BAD_METHOD: Self = Self::standard(2, "Bad handshake method");
    /// Code 3.
    pub const BAD_REQUEST: Self = Self::standard(3, "Bad request");
    /// Code 5.
    pub const BAD_VERSION: Self = Self::standard(5, "Unsupported protocol version");

    /// Code 6: too many sessions, or too many new ones, from this address.
    pub const TOO_MANY: Self = Self::standard(6, "Too many connections");
    /// Code 7: no place is free.
    pub const FULL: Self = Self::standard(7, "Service unavailable");
    /// Code 8: the request's head is too large.
    pub const HEAD_TOO_LARGE: Self = Self::standard(8, "Request header fields too large");

    const fn standard(code: u8, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    /// Code 4, with the application's text if it gave one.
    pub fn forbidden(message: Option<&str>) -> Self {
        Self { code: 4, message: message.map_or(Cow::Borrowed("Forbidden"), |text| Cow::Owned(text.to_owned())) }
    }

    /// Whether one of the server's limits refuses.
    pub fn is_limit(&self) -> bool {
        self.code > 5
    }

    /// The status of a plain response.
    pub fn status(&self) -> u16 {
        if self.code == Self::forbidden(None).code { 403 } else { self.upgrade_status() }
    }

    /// The status of the answer to an upgrade; Engine.IO has 400 for all of its own.
    pub fn upgrade_status(&self) -> u16 {
        match self.code {
            6 => 429,
            7 => 503,
            8 => 431,
            _ => 400,
        }
    }

    /// The headers of the answer to a refused upgrade, as Engine.IO writes them; its body is the message.
    pub fn upgrade_headers(&self) -> Vec<(String, String)> {
        [("Connection", "close"), ("Content-type", "text/html"), ("Content-Length", &self.message.len().to_string())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// The same as bytes.
    pub fn upgrade_response(&self) -> Bytes {
        let mut out = String::from("HTTP/1.1 400 Bad Request\r\n");
        for (name, value) in self.upgrade_headers() {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
        out.push_str(&self.message);
        out.into()
    }

    /// The body of a plain response.
    pub fn body(&self) -> String {
        format!("{{\"code\":{},\"message\":{}}}", self.code, json::quoted(&self.message))
    }
}

/// What a request that passed the first checks is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A new session.
    Open,
    /// A request to the session with this id; `current`: it speaks the same protocol version as every session here.
    Session {
        /// From the query, not checked yet.
        sid: String,
        /// The transport that the query names.
        websocket: bool,
        /// `EIO=4`.
        current: bool,
    },
}

/// Which transports are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// HTTP long-polling.
    pub polling: bool,
    /// WebSocket.
    pub websocket: bool,
}

/// The checks that need no session, in Engine.IO's order. `upgrade`: the request asks for a WebSocket.
pub fn verify(served: Transports, request: &Request, upgrade: bool) -> Result<Verdict, Refusal> {
    let websocket = match request.param("transport").as_deref() {
        Some("polling") if served.polling => false,
        Some("websocket") if served.websocket => true,
        _ => return Err(Refusal::UNKNOWN_TRANSPORT),
    };
    if request.header("origin").is_some_and(|origin| !is_header_text(origin)) {
        return Err(Refusal::BAD_REQUEST);
    }
    let current = request.param("EIO").as_deref() == Some("4");
    if let Some(sid) = request.sid() {
        return Ok(Verdict::Session { sid: sid.into_owned(), websocket, current });
    }
    if request.method != "GET" {
        return Err(Refusal::BAD_METHOD);
    }
    if websocket && !upgrade {
        return Err(Refusal::BAD_REQUEST);
    }
    if let Some(message) = &request.forbidden {
        return Err(Refusal::forbidden((!message.is_empty()).then_some(message)));
    }
    if !current {
        return Err(Refusal::BAD_VERSION);
    }
    Ok(Verdict::Open)
}

/// Whether a text has only characters that a header value may hold.
fn is_header_text(text: &str) -> bool {
    text.chars().all(|c| c == '\t' || (' '..='\u{ff}').contains(&c) && c != '\u{7f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Transports = Transports { polling: true, websocket: true };

    fn request(method: &str, query: &str) -> Request {
        Request { method: method.into(), url: format!("/socket.io/?{query}"), ..Request::default() }
    }

    fn code(method: &str, query: &str, upgrade: bool) -> Option<u8> {
        verify(BOTH, &request(method, query), upgrade).err().map(|refusal| refusal.code)
    }

    #[test]
    fn checks_come_in_order() {
        assert_eq!(code("GET", "EIO=4&transport=polling", false), None);
        assert_eq!(code("GET", "", false), Some(0));
        assert_eq!(code("PUT", "transport=__proto__", false), Some(0));
        assert_eq!(code("POST", "EIO=4&transport=polling", false), Some(2));
        assert_eq!(code("GET", "EIO=3&transport=websocket", false), Some(3));
        assert_eq!(code("GET", "EIO=3&transport=websocket", true), Some(5));
        assert_eq!(code("GET", "transport=polling", false), Some(5));
        assert_eq!(code("PUT", "transport=polling&sid=x", false), None);
    }

    #[test]
    fn refused_by_the_application() {
        let refused = Request { forbidden: Some("no".into()), ..request("GET", "EIO=3&transport=polling") };
        let refusal = verify(BOTH, &refused, false).unwrap_err();
        assert_eq!((refusal.status(), refusal.body().as_str()), (403, "{\"code\":4,\"message\":\"no\"}"));
    }

    #[test]
    fn transports_that_are_off_are_unknown() {
        let code = |served, query| verify(served, &request("GET", query), true).err().map(|refusal| refusal.code);
        let polling_alone = Transports { websocket: false, ..BOTH };
        assert_eq!(code(polling_alone, "EIO=4&transport=websocket"), Some(0));
        assert_eq!(code(polling_alone, "EIO=4&transport=polling"), None);
        assert_eq!(code(Transports { polling: false, ..BOTH }, "EIO=4&transport=polling"), Some(0));
    }
}
