//! The verdict on an HTTP request before any session takes part (Engine.IO: order of checks and error codes), and
//! what an application may know of the request later (`socket.handshake`).

use std::borrow::Cow;

use bytes::Bytes;

use crate::config::Config;
use crate::protocol::json;

/// The head of an HTTP request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// As written, upper case.
    pub method: String,
    /// Path and query.
    pub url: String,
    /// In the order and the case in which they came.
    pub headers: Vec<(String, String)>,
    /// The client's address: the peer's, or what a trusted proxy says.
    pub remote: String,
    /// The host that a trusted proxy was asked for.
    pub forwarded_host: Option<String>,
    /// Whether it came by TLS.
    pub secure: bool,
    /// The text of the application's refusal (`allowRequest`).
    pub forbidden: Option<String>,
}

impl Request {
    /// A header by its lower-case name; the first one, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for another protocol, by both headers: a proxy that did not understand it would drop the one that
    /// is meant for itself.
    pub fn wants_upgrade(&self) -> bool {
        let connection = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("connection"));
        let mut options = connection.flat_map(|(_, value)| value.split(','));
        self.header("upgrade").is_some() && options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    }

    /// Bytes of the head, about.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4);
        self.method.len() + self.url.len() + headers.sum::<usize>()
    }

    /// The host that the client asked for; HTTP/2 has it in `:authority`.
    pub fn host(&self) -> Option<&str> {
        let own = || self.header(":authority").or_else(|| self.header("host"));
        self.forwarded_host.as_deref().or_else(own)
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query).split('#').next().unwrap_or_default()
    }

    /// A parameter of the query, decoded; the last one, if there are several.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        form_urlencoded::parse(self.query().as_bytes()).filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// The session id that the request names; an empty one counts as none.
    pub fn sid(&self) -> Option<Cow<'_, str>> {
        self.param("sid").filter(|sid| !sid.is_empty())
    }

    /// `socket.handshake` without `auth`, as JSON. `issued`: milliseconds since 1970. `cookies`: with them.
    pub fn handshake_json(&self, issued: i64, time: &str, cookies: bool) -> String {
        let headers =
            joined_headers(self.headers.iter().filter(|(name, _)| cookies || !name.eq_ignore_ascii_case("cookie")));
        let query = object(form_urlencoded::parse(self.query().as_bytes()));
        format!(
            "{{\"headers\":{headers},\"time\":{},\"address\":{},\"xdomain\":{},\"secure\":{},\"issued\":{issued},\"url\":{},\"query\":{query}}}",
            json::quoted(time),
            json::quoted(&self.remote),
            self.header("origin").is_some(),
            self.secure,
            json::quoted(&self.url),
        )
    }
}

/// Headers of which Node keeps the first alone.
const SINGLE_HEADERS: [&str; 18] = [
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "user-agent",
];

/// Headers as Node's `req.headers`: lower case, repeated ones joined.
fn joined_headers<'a>(headers: impl Iterator<Item = &'a (String, String)>) -> String {
    let mut joined: Vec<(String, String)> = Vec::with_capacity(headers.size_hint().1.unwrap_or_default());
    for (key, value) in headers {
        let key = key.to_ascii_lowercase();
        match joined.iter_mut().find(|(known, _)| *known == key) {
            Some(_) if SINGLE_HEADERS.contains(&key.as_str()) => {}
            Some((_, all)) => {
                all.push_str(if key == "cookie" { "; " } else { ", " });
                all.push_str(value);
            }
            None => joined.push((key, value.clone())),
        }
    }
    object(joined.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())))
}

/// A JSON object of strings; of a repeated key the last value counts.
fn object<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> String {
    let mut out = String::from("{");
    for (key, value) in pairs {
        if out.len() > 1 {
            out.push(',');
        }
        json::push_string(&mut out, &key);
        out.push(':');
        json::push_string(&mut out, &value);
    }
    out.push('}');
    out
}

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

/// The checks that need no session, in Engine.IO's order. `upgrade`: the request asks for a WebSocket.
pub fn verify(config: &Config, request: &Request, upgrade: bool) -> Result<Verdict, Refusal> {
    let websocket = match request.param("transport").as_deref() {
        Some("polling") if config.polling => false,
        Some("websocket") if config.websocket => true,
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

    fn request(method: &str, query: &str) -> Request {
        Request { method: method.into(), url: format!("/socket.io/?{query}"), ..Request::default() }
    }

    fn code(method: &str, query: &str, upgrade: bool) -> Option<u8> {
        verify(&Config::default(), &request(method, query), upgrade).err().map(|refusal| refusal.code)
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
        let refusal = verify(&Config::default(), &refused, false).unwrap_err();
        assert_eq!((refusal.status(), refusal.body().as_str()), (403, "{\"code\":4,\"message\":\"no\"}"));
    }

    #[test]
    fn handshakes_are_json() {
        let mut request = request("GET", "EIO=4&a=b%20c&a=d");
        request.headers =
            vec![("Host".into(), "x".into()), ("Cookie".into(), "a=1".into()), ("cookie".into(), "b".into())];
        assert_eq!(
            request.handshake_json(1, "now", true),
            "{\"headers\":{\"host\":\"x\",\"cookie\":\"a=1; b\"},\"time\":\"now\",\"address\":\"\",\"xdomain\":false,\"secure\":false,\"issued\":1,\"url\":\"/socket.io/?EIO=4&a=b%20c&a=d\",\"query\":{\"EIO\":\"4\",\"a\":\"b c\",\"a\":\"d\"}}"
        );
        assert!(request.handshake_json(1, "now", false).starts_with("{\"headers\":{\"host\":\"x\"},"));
    }
}
