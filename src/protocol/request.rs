//! The head of an HTTP request as plain data, and what an application may know of it later (`socket.handshake`).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::json;
use crate::config::{Config, Cors};

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
    /// Headers that the application adds to the response of an upgrade.
    pub response_headers: Vec<(String, String)>,
    /// How the outside names it, if it wants it back.
    pub token: Option<Token>,
    /// What the application decided about CORS for this request, instead of the server's option.
    pub cors: Option<Box<Cors>>,
    /// By which of the application's HTTP servers it came; 0 is none.
    pub via: u32,
}

/// The outside's name of a request, which is told when nobody here holds it any more.
#[derive(Clone)]
pub struct Token(Arc<Held>);

struct Held {
    id: u32,
    release: Box<dyn Fn(u32) + Send + Sync>,
}

impl Token {
    /// A name. `release` gets it in the end, once, on any thread.
    pub fn new(id: u32, release: impl Fn(u32) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Held { id, release: Box::new(release) }))
    }

    /// The name.
    pub fn id(&self) -> u32 {
        self.0.id
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.0.id)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        (self.release)(self.id);
    }
}

impl Request {
    /// A header by its lower-case name; the first one, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers of a lower-case name.
    pub fn headers_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for another protocol, by both headers: a proxy that did not understand it would drop the one that
    /// is meant for itself.
    pub fn wants_upgrade(&self) -> bool {
        let connection = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("connection"));
        let mut options = connection.flat_map(|(_, value)| value.split(','));
        self.header("upgrade").is_some() && options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    }

    /// What holds for this request: the application's decision, else the server's option.
    pub fn cors<'a>(&'a self, config: &'a Config) -> Option<&'a Cors> {
        self.cors.as_deref().or(config.cors.as_ref())
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

    /// What JavaScript is told of it, as JSON: `{method, url, headers, rawHeaders, remoteAddress}`.
    pub fn head_json(&self) -> String {
        let raw = self.headers.iter().flat_map(|(name, value)| [name, value]).map(|text| json::quoted(text));
        format!(
            "{{\"method\":{},\"url\":{},\"headers\":{},\"rawHeaders\":[{}],\"remoteAddress\":{}}}",
            json::quoted(&self.method),
            json::quoted(&self.url),
            joined_headers(self.headers.iter()),
            raw.collect::<Vec<_>>().join(","),
            json::quoted(&self.remote),
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_are_json() {
        let mut request = Request { url: "/socket.io/?EIO=4&a=b%20c&a=d".into(), ..Request::default() };
        request.headers =
            vec![("Host".into(), "x".into()), ("Cookie".into(), "a=1".into()), ("cookie".into(), "b".into())];
        assert_eq!(
            request.handshake_json(1, "now", true),
            "{\"headers\":{\"host\":\"x\",\"cookie\":\"a=1; b\"},\"time\":\"now\",\"address\":\"\",\"xdomain\":false,\"secure\":false,\"issued\":1,\"url\":\"/socket.io/?EIO=4&a=b%20c&a=d\",\"query\":{\"EIO\":\"4\",\"a\":\"b c\",\"a\":\"d\"}}"
        );
        assert!(request.handshake_json(1, "now", false).starts_with("{\"headers\":{\"host\":\"x\"},"));
    }
}
