//! The options of one server: units, defaults, checks. The single source of defaults.

use std::time::Duration;

use rustc_hash::FxHashMap;
use tracing::level_filters::LevelFilter;

use crate::error::Error;
use crate::events::Keep;
use crate::guard::proxy::Proxies;
use crate::guard::rate::Rate;
use crate::guard::ticket::Keys;
use crate::protocol::deflate::WINDOWS;
use crate::protocol::json;

pub use crate::protocol::deflate::Options as Deflate;

/// Options of one server. The defaults are Socket.IO's.
#[derive(Debug, Clone)]
pub struct Config {
    /// The path, without its trailing slash; empty is the root. Default `/socket.io`.
    pub path: String,
    /// Whether HTTP long-polling is served. Default true.
    pub polling: bool,
    /// Whether WebSocket is served. Default true.
    pub websocket: bool,
    /// Whether a polling session may upgrade. Default true.
    pub allow_upgrades: bool,
    /// Milliseconds between a pong and the next ping. Default 25000.
    pub ping_interval: u64,
    /// Milliseconds in which a pong must come. Default 20000.
    pub ping_timeout: u64,
    /// Milliseconds in which an upgrade must be finished. Default 10000.
    pub upgrade_timeout: u64,
    /// Milliseconds in which a client must join a namespace. Default 45000.
    pub connect_timeout: u64,
    /// Largest message from a client, in bytes. Default 1 MB (10^6).
    pub max_http_buffer_size: usize,
    /// Most bytes that wait for one client before it is disconnected; a single event may be larger. Default 1 MiB.
    pub max_outbox: usize,
    /// Most bytes of one client's events that wait for JavaScript before reading from it pauses. Default 1 MiB.
    pub max_inbox: usize,
    /// Most bytes of all clients' events that wait for JavaScript. From half of it on no client is read of which something
    /// waits, beyond it none at all. Default 64 MiB.
    pub max_inbox_total: usize,
    /// Smallest polling response that is compressed, in bytes; 0 switches compression off. Default 1024.
    pub compression_threshold: usize,
    /// Compression of WebSocket messages. Default none.
    pub deflate: Option<Deflate>,
    /// The `Set-Cookie` value of the polling handshake: name, and attributes behind the session id. Default none.
    pub cookie: Option<(String, String)>,
    /// CORS. Default none: no headers, same host only.
    pub cors: Option<Cors>,
    /// JavaScript decides about CORS, on a port of ours by being asked about each request. Default false.
    pub asks_cors: bool,
    /// JavaScript has the files of the client below the path, on a port of ours, too. Default false.
    pub client_files: bool,
    /// The built-in events and presence of the nself layer in namespace `/`. Default off.
    pub nself: bool,
    /// Batching of the nself layer.
    pub batch: Batch,
    /// Who counts as there.
    pub presence: Presence,
    /// What may happen to events of a name in a full outbox, unless their emit says. Default: nothing, the client is closed.
    pub policies: FxHashMap<String, Rule>,
    /// Connection state recovery. Default off.
    pub recovery: Option<Recovery>,
    /// Who may connect, and join.
    pub access: Access,
    /// How much a client may do, and how many may come.
    pub limits: Limits,
    /// What is logged. Default: warnings and errors.
    pub log_level: LevelFilter,
    /// Lines go to the application, not to stderr. Default false.
    pub has_logger: bool,
}

/// How much a client may do, and how many may come. None is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events of one connection. Heartbeats and other packets that are no events have ten times as much, acks that were
    /// asked for are free. Default none.
    pub events: Option<Rate>,
    /// Events of all connections of one user. Default none.
    pub user_events: Option<Rate>,
    /// Events of all connections of one address. Default none.
    pub address_events: Option<Rate>,
    /// New sessions of one address. Default none.
    pub handshakes: Option<Rate>,
    /// Sessions, and on a port of our own also TCP connections, at a time. Default none.
    pub max_connections: Option<u32>,
    /// The same of one address. Default none.
    pub max_connections_per_address: Option<u32>,
    /// Largest head of a request, in bytes. Default 16 KiB.
    pub max_header_size: usize,
    /// Milliseconds in which a request's head must come, on a port of our own. Default 30000.
    pub headers_timeout: u64,
    /// Milliseconds in which a request's body must come. Default 30000.
    pub request_timeout: u64,
    /// Most pieces of one WebSocket message. Default 16384.
    pub max_fragments: u32,
    /// Most attachments of one packet. Default 10.
    pub max_attachments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events: None,
            user_events: None,
            address_events: None,
            handshakes: None,
            max_connections: None,
            max_connections_per_address: None,
            max_header_size: 16 * 1024,
            headers_timeout: 30_000,
            request_timeout: 30_000,
            max_fragments: 16 * 1024,
            max_attachments: 10,
        }
    }
}

/// Who may connect, and which rooms clients may join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whether JavaScript's `authenticate` is asked about every client without a ticket. Default false.
    pub authenticate: bool,
    /// Most sockets that may wait for JavaScript's decision; others are refused. Default 10000.
    pub max_pending_authentications: usize,
    /// Whether JavaScript's `authorizeJoin` is asked about rooms that no ticket names. Default false.
    pub authorize_join: bool,
    /// Most rooms that a client may join, by itself, with one socket. Default 100.
    pub max_rooms_per_socket: usize,
    /// Most rooms; beyond, a client cannot make a new one by joining it. Default 100000.
    pub max_rooms: usize,
    /// The keys of room tickets. Default none: there are no tickets.
    pub tickets: Option<Keys>,
    /// The proxies whose headers count. Default none.
    pub proxies: Option<Proxies>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            authenticate: false,
            max_pending_authentications: 10_000,
            authorize_join: false,
            max_rooms_per_socket: 100,
            max_rooms: 100_000,
            tickets: None,
            proxies: None,
        }
    }
}

/// How clients that lost their connection are taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Milliseconds that a client may be away. Socket.IO's default is 120000.
    pub max_disconnection_duration: u64,
    /// Whether a returning client passes by the middleware.
    pub skip_middlewares: bool,
}

/// What may happen to the events of one name in a full outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: the client is closed.
    Close,
    /// The oldest go, and the client gets a `gap` event.
    Gap,
    /// The newest stays; of each value that this field of the data has, if one is named.
    Latest(Option<String>),
}

impl Rule {
    /// The rule applied to an event's data, a JSON text.
    pub fn keep(&self, data: Option<&str>) -> Keep {
        match self {
            Self::Close => Keep::Close,
            Self::Gap => Keep::Gap,
            Self::Latest(None) => Keep::Latest(String::new()),
            Self::Latest(Some(field)) => {
                Keep::Latest(data.and_then(|data| json::field(data, field)).unwrap_or_default())
            }
        }
    }
}

/// How batched events gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Most events of one room that wait. Default 10.
    pub max_events: u32,
    /// Milliseconds that they wait at most. Default 100.
    pub window: u64,
}

/// Who counts as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Milliseconds after which a client of which nothing was heard, pongs included, is disconnected. Default: never, for
    /// heartbeats see to it; the nself layer has 300000.
    pub stale_after: Option<u64>,
    /// Milliseconds between two looks for such clients. Default 60000.
    pub sweep_interval: u64,
    /// Milliseconds that a user may be away before others hear of it, and a room may be empty before its producers stop.
    /// Default 3000.
    pub grace: u64,
    /// Most members of a room that hears of each who comes and goes by itself (`room:joined`, `room:left`). A larger one
    /// hears at most every second of all that did (`room:members`). Default 100.
    pub small_room: usize,
}

/// Cross-origin resource sharing, in the terms of the `cors` package.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Which origins may read.
    pub origin: CorsOrigin,
    /// Default `GET,HEAD,PUT,PATCH,POST,DELETE`.
    pub methods: Option<String>,
    /// Default: those that the preflight asks for.
    pub allowed_headers: Option<String>,
    /// Default none.
    pub exposed_headers: Option<String>,
    /// Default false.
    pub credentials: bool,
    /// Seconds. Default none.
    pub max_age: Option<u32>,
    /// The preflight's status. Default 204.
    pub options_status: Option<u16>,
}

/// Which origins CORS allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CorsOrigin {
    /// `*`
    #[default]
    Any,
    /// Answers with the request's own origin.
    Reflect,
    /// One fixed origin.
    One(String),
    /// These origins.
    List(Vec<String>),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io".into(),
            polling: true,
            websocket: true,
            allow_upgrades: true,
            ping_interval: 25_000,
            ping_timeout: 20_000,
            upgrade_timeout: 10_000,
            connect_timeout: 45_000,
            max_http_buffer_size: 1_000_000,
            max_outbox: 1 << 20,
            max_inbox: 1 << 20,
            max_inbox_total: 64 << 20,
            compression_threshold: 1024,
            deflate: None,
            cookie: None,
            cors: None,
            asks_cors: false,
            client_files: false,
            nself: false,
            batch: Batch { max_events: 10, window: 100 },
            presence: Presence { stale_after: None, sweep_interval: 60_000, grace: 3000, small_room: 100 },
            policies: FxHashMap::default(),
            recovery: None,
            limits: Limits::default(),
            log_level: LevelFilter::WARN,
            has_logger: false,
            access: Access::default(),
        }
    }
}

impl Config {
    /// How long unread packets of a closed polling session are kept.
    pub const POLLING_CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long a closing server waits for a polling client to fetch what it has not; it asks at once, or is gone.
    pub const LAST_POLL: Duration = Duration::from_secs(1);
    /// How long a closing WebSocket may take to answer the close frame.
    pub const LINGER: Duration = Duration::from_secs(5);

    /// Checks ranges and brings the path into its form. Errors name the option: `ERR_INVALID_OPTION`.
    pub fn validated(mut self) -> Result<Self, Error> {
        if !self.path.is_empty() && !self.path.starts_with('/') || self.path.contains(['?', '#', ' ']) {
            return Err(Error::option("path", "must begin with / and hold no query"));
        }
        self.path.truncate(self.path.trim_end_matches('/').len());
        if !self.polling && !self.websocket {
            return Err(Error::option("transports", "must hold \"polling\", \"websocket\" or both"));
        }
        for (name, value) in [
            ("pingInterval", self.ping_interval),
            ("pingTimeout", self.ping_timeout),
            ("upgradeTimeout", self.upgrade_timeout),
            ("connectTimeout", self.connect_timeout),
            ("batch.window", self.batch.window),
            ("presence.sweepInterval", self.presence.sweep_interval),
            ("presence.staleAfter", self.presence.stale_after.unwrap_or(1)),
            ("headersTimeout", self.limits.headers_timeout),
            ("requestTimeout", self.limits.request_timeout),
        ] {
            if !(1..=0x7fff_ffff).contains(&value) {
                return Err(Error::option(name, "must be 1 to 2147483647 milliseconds"));
            }
        }
        if self.batch.max_events == 0 {
            return Err(Error::option("batch.maxEvents", "must be at least 1"));
        }
        if self.max_http_buffer_size == 0 {
            return Err(Error::option("maxHttpBufferSize", "must be at least 1 byte"));
        }
        if self.limits.max_header_size < 1024 {
            return Err(Error::option("maxHeaderSize", "must be at least 1024 bytes"));
        }
        if self.max_outbox < 1024 {
            return Err(Error::option("maxOutbox", "must be at least 1024 bytes"));
        }
        if let Some(deflate) = &self.deflate {
            if !WINDOWS.contains(&deflate.server_bits) {
                return Err(Error::option(
                    "perMessageDeflate.serverMaxWindowBits",
                    "must be 9 to 15: zlib has none of 8",
                ));
            }
            if !(8..=15).contains(&deflate.client_bits.unwrap_or(15)) {
                return Err(Error::option("perMessageDeflate.clientMaxWindowBits", "must be 8 to 15"));
            }
            if deflate.level > 9 {
                return Err(Error::option("perMessageDeflate.zlibDeflateOptions.level", "must be 0 to 9"));
            }
        }
        Ok(self)
    }

    /// Whether a request's path is this server's: exactly the path, with or without a trailing slash, nothing below.
    pub fn claims(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest == "/")
    }

    /// Whether a request may be for one of the client's files.
    pub fn may_be_file(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.as_str()).filter(|_| self.client_files);
        rest.is_some_and(|rest| rest.starts_with("/socket.io."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_matched_exactly() {
        let config = Config { path: "/api/ws/".into(), ..Config::default() }.validated().unwrap();
        for (path, claimed) in
            [("/api/ws", true), ("/api/ws/", true), ("/api/ws/terminal", false), ("/api/wsx", false), ("/api", false)]
        {
            assert_eq!(config.claims(path), claimed, "{path}");
        }
    }

    #[test]
    fn wrong_options_are_named() {
        let error = Config { ping_interval: 0, ..Config::default() }.validated().unwrap_err();
        assert_eq!((error.code, error.message.contains("pingInterval")), ("ERR_INVALID_OPTION", true));
        assert!(Config { path: "socket.io".into(), ..Config::default() }.validated().is_err());
    }
}
