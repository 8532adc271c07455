//! Options from JavaScript to the core's own.

use napi::bindgen_prelude::Result;
use napi_derive::napi;

use super::errors::{Code, coded};
use crate::config::{Access, Batch, Config, Cors, CorsOrigin, Deflate, Limits, Presence, Recovery, Rule};
use crate::error::Error;
use crate::guard::proxy::{Header, Proxies};
use crate::guard::rate::Rate;
use crate::guard::ticket::Keys;

/// Options of one real-time server. Times in milliseconds, sizes in bytes. A missing field takes Socket.IO's default.
#[napi(object)]
#[derive(Default)]
pub struct NativeOptions {
    pub path: Option<String>,
    pub transports: Option<Vec<String>>,
    pub allow_upgrades: Option<bool>,
    pub ping_interval: Option<f64>,
    pub ping_timeout: Option<f64>,
    pub upgrade_timeout: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub max_http_buffer_size: Option<f64>,
    /// Most bytes that may wait for one client before it is disconnected. Default 1 MiB.
    pub max_outbox: Option<f64>,
    /// Most bytes of all clients' events that may wait for JavaScript before clients are not read on. Default 64 MiB.
    pub max_inbox_total: Option<f64>,
    /// Smallest polling response that is compressed, in bytes; 0 switches compression off. Default 1024.
    pub http_compression_threshold: Option<f64>,
    /// Compression of WebSocket messages; absent: none.
    pub per_message_deflate: Option<NativeDeflate>,
    /// The cookie of the polling handshake: name and attributes (`; Path=/; HttpOnly`). None by default.
    pub cookie_name: Option<String>,
    pub cookie_attributes: Option<String>,
    /// Absent: no CORS headers.
    pub cors: Option<NativeCors>,
    /// CORS is decided in JavaScript; on a port of Rust's by `request` events.
    pub ask_cors: Option<bool>,
    /// Requests for the client's files, on a port of Rust's, come as `request` events.
    pub client_files: Option<bool>,
    /// Adds the built-in events join:room, leave:room, heartbeat to namespace "/", and makes this the process's nself
    /// server.
    pub nself_layer: Option<bool>,
    pub batch_max_events: Option<f64>,
    pub batch_window: Option<f64>,
    /// Time after which a client of which nothing was heard is disconnected; none by default.
    pub presence_stale_after: Option<f64>,
    pub presence_sweep_interval: Option<f64>,
    pub presence_grace: Option<f64>,
    /// Most members of a room that hears of each who comes and goes by itself. Default 100.
    pub presence_small_room: Option<f64>,
    /// What may happen to events in a full outbox, by their names.
    pub policies: Option<Vec<NativePolicy>>,
    /// Connection state recovery: how long a client may be away. Off by default.
    pub recovery_duration: Option<f64>,
    /// Whether a client that is recovered passes by the middleware. Default true.
    pub recovery_skips_middlewares: Option<bool>,
    /// Asks JavaScript about every client without a ticket, in every namespace.
    pub authenticate: Option<bool>,
    /// Most sockets that may wait for accept or deny. Default 10000.
    pub max_pending_authentications: Option<f64>,
    /// Asks JavaScript about each room that a client wants to join and no ticket names.
    pub authorize_join: Option<bool>,
    /// Most rooms that a client may join with one socket. Default 100.
    pub max_rooms_per_socket: Option<f64>,
    /// Most rooms. Default 100000.
    pub max_rooms: Option<f64>,
    /// Keys of room tickets, the newest first.
    pub ticket_keys: Option<Vec<String>>,
    /// How many proxies are in front. None by default: what they say is not believed.
    pub proxy_hops: Option<f64>,
    /// They write `Forwarded` rather than `X-Forwarded-…`.
    pub proxy_forwarded: Option<bool>,
    /// How much a client may do, and how many may come.
    pub limits: Option<NativeLimits>,
    /// What is logged; warnings and errors by default.
    #[napi(ts_type = "'off' | 'error' | 'warn' | 'info' | 'debug' | 'trace'")]
    pub log_level: Option<String>,
    /// Lines come as `log` events instead of to stderr.
    pub logger: Option<bool>,
}

/// Compression of WebSocket messages (RFC 7692); what is missing has its default.
#[napi(object)]
pub struct NativeDeflate {
    /// Smallest packet that is deflated. Default 1024.
    pub threshold: Option<f64>,
    /// zlib's. Default 6.
    pub level: Option<u32>,
    /// Largest windows, in bits. Default 15, and the client's choice.
    pub server_max_window_bits: Option<u32>,
    pub client_max_window_bits: Option<u32>,
    /// Clients may keep their context. Default false.
    pub client_context: Option<bool>,
    /// Most large messages that are deflated at a time. Default 10.
    pub concurrency_limit: Option<u32>,
}

/// How often: so many a second, and so many at once.
#[napi(object)]
pub struct NativeRate {
    pub per_second: u32,
    pub burst: u32,
}

/// Limits; what is missing is not limited, or has its default.
#[napi(object)]
pub struct NativeLimits {
    /// Events of one connection.
    pub events: Option<NativeRate>,
    /// Events of all connections of one user.
    pub user_events: Option<NativeRate>,
    /// Events of all connections of one address.
    pub address_events: Option<NativeRate>,
    /// New sessions of one address.
    pub handshakes: Option<NativeRate>,
    pub max_connections: Option<u32>,
    pub max_connections_per_address: Option<u32>,
    /// Largest head of a request. Default 16 KiB.
    pub max_header_size: Option<f64>,
    /// Time for a request's head, on a port of our own. Default 30 s.
    pub headers_timeout: Option<f64>,
    /// Time for a request's body, on a port of our own. Default 30 s.
    pub request_timeout: Option<f64>,
    pub max_fragments: Option<u32>,
    pub max_attachments: Option<u32>,
}

/// What may happen to the events of one name in a full outbox.
#[napi(object)]
pub struct NativePolicy {
    pub event: String,
    #[napi(ts_type = "'close' | 'gap' | 'latest'")]
    pub policy: String,
    /// With `latest`: the field of the first argument of which each value's newest event stays.
    pub key: Option<String>,
}

/// Cross-origin resource sharing.
#[napi(object)]
pub struct NativeCors {
    /// `["*"]` is any origin; an empty list none.
    pub origins: Vec<String>,
    /// Answers with the request's own origin.
    pub reflect: Option<bool>,
    /// The one origin is sent whatever the request's is, as `cors` does for a string.
    pub fixed: Option<bool>,
    pub methods: Option<String>,
    pub allowed_headers: Option<String>,
    pub exposed_headers: Option<String>,
    pub credentials: Option<bool>,
    pub max_age: Option<f64>,
    pub options_success_status: Option<f64>,
}

impl NativeOptions {
    /// The core's options; what is missing takes its default there.
    pub fn into_config(self) -> Result<Config, Code> {
        let mut config = Config::default();
        if let Some(path) = self.path {
            config.path = path;
        }
        if let Some(transports) = self.transports {
            if let Some(unknown) = transports.iter().find(|name| !["polling", "websocket"].contains(&name.as_str())) {
                let must = format!("cannot hold \"{unknown}\"; it may hold \"polling\" and \"websocket\"");
                return Err(coded(Error::option("transports", &must)));
            }
            config.polling = transports.iter().any(|name| name == "polling");
            config.websocket = transports.iter().any(|name| name == "websocket");
        }
        config.allow_upgrades = self.allow_upgrades.unwrap_or(config.allow_upgrades);
        let whole = |name, value: Option<f64>, default: u64| match value {
            None => Ok(default),
            Some(value) if value >= 0.0 && value <= 2f64.powi(53) && value.fract() == 0.0 => Ok(value as u64),
            Some(_) => Err(coded(Error::option(name, "must be a whole number, not negative"))),
        };
        config.ping_interval = whole("pingInterval", self.ping_interval, config.ping_interval)?;
        config.ping_timeout = whole("pingTimeout", self.ping_timeout, config.ping_timeout)?;
        config.upgrade_timeout = whole("upgradeTimeout", self.upgrade_timeout, config.upgrade_timeout)?;
        config.connect_timeout = whole("connectTimeout", self.connect_timeout, config.connect_timeout)?;
        config.batch = Batch {
            window: whole("batch.window", self.batch_window, config.batch.window)?,
            max_events: whole("batch.maxEvents", self.batch_max_events, config.batch.max_events.into())?
                .min(u32::MAX.into()) as u32,
        };
        config.presence = Presence {
            stale_after: match self.presence_stale_after {
                Some(value) => Some(whole("presence.staleAfter", Some(value), 0)?),
                None => config.presence.stale_after,
            },
            sweep_interval: whole(
                "presence.sweepInterval",
                self.presence_sweep_interval,
                config.presence.sweep_interval,
            )?,
            grace: whole("presence.grace", self.presence_grace, config.presence.grace)?,
            small_room: whole("presence.smallRoom", self.presence_small_room, config.presence.small_room as u64)?
                as usize,
        };
        config.policies = self.policies.unwrap_or_default().into_iter().map(NativePolicy::into_rule).collect();
        let size = |name, value, default: usize| whole(name, value, default as u64).map(|value| value as usize);
        config.max_http_buffer_size =
            size("maxHttpBufferSize", self.max_http_buffer_size, config.max_http_buffer_size)?;
        config.max_outbox = size("maxOutbox", self.max_outbox, config.max_outbox)?;
        config.max_inbox_total = size("maxInboxTotal", self.max_inbox_total, config.max_inbox_total)?;
        config.compression_threshold =
            size("httpCompression.threshold", self.http_compression_threshold, config.compression_threshold)?;
        if let Some(given) = self.per_message_deflate {
            let default = Deflate::default();
            let bits = |bits: u32| bits.min(u8::MAX.into()) as u8;
            config.deflate = Some(Deflate {
                threshold: size("perMessageDeflate.threshold", given.threshold, default.threshold)?,
                level: given.level.unwrap_or(default.level),
                server_bits: given.server_max_window_bits.map_or(default.server_bits, bits),
                client_bits: given.client_max_window_bits.map(bits).or(default.client_bits),
                client_context: given.client_context.unwrap_or(default.client_context),
                threads: given.concurrency_limit.map_or(default.threads, |most| most as usize),
            });
        }
        if let Some(duration) = self.recovery_duration {
            config.recovery = Some(Recovery {
                max_disconnection_duration: whole(
                    "connectionStateRecovery.maxDisconnectionDuration",
                    Some(duration),
                    0,
                )?,
                skip_middlewares: self.recovery_skips_middlewares.unwrap_or(true),
            });
        }
        config.cookie = self.cookie_name.map(|name| (name, self.cookie_attributes.unwrap_or_default()));
        config.cors = self.cors.map(Cors::from);
        config.asks_cors = self.ask_cors.unwrap_or(false);
        config.client_files = self.client_files.unwrap_or(false);
        config.nself = self.nself_layer.unwrap_or(false);
        if let Some(limits) = self.limits {
            let default = config.limits;
            let rate = |rate: Option<NativeRate>| rate.map(|rate| Rate::new(rate.per_second, rate.burst));
            config.limits = Limits {
                max_header_size: size("maxHeaderSize", limits.max_header_size, default.max_header_size)?,
                headers_timeout: whole("headersTimeout", limits.headers_timeout, default.headers_timeout)?,
                request_timeout: whole("requestTimeout", limits.request_timeout, default.request_timeout)?,
                max_fragments: limits.max_fragments.unwrap_or(default.max_fragments),
                max_attachments: limits.max_attachments.map_or(default.max_attachments, |most| most as usize),
                max_connections: limits.max_connections,
                max_connections_per_address: limits.max_connections_per_address,
                events: rate(limits.events),
                user_events: rate(limits.user_events),
                address_events: rate(limits.address_events),
                handshakes: rate(limits.handshakes),
            };
        }
        config.log_level = self.log_level.as_deref().and_then(crate::log::level).unwrap_or(config.log_level);
        config.has_logger = self.logger.unwrap_or(false);
        let access = config.access;
        config.access = Access {
            authenticate: self.authenticate.unwrap_or(false),
            authorize_join: self.authorize_join.unwrap_or(false),
            max_pending_authentications: size(
                "maxPendingAuthentications",
                self.max_pending_authentications,
                access.max_pending_authentications,
            )?,
            max_rooms_per_socket: size("maxRoomsPerSocket", self.max_rooms_per_socket, access.max_rooms_per_socket)?,
            max_rooms: size("maxRooms", self.max_rooms, access.max_rooms)?,
            tickets: self.ticket_keys.map(Keys::new).transpose().map_err(coded)?,
            proxies: match self.proxy_hops {
                Some(hops) => Some(Proxies {
                    hops: size("trustProxy", Some(hops), 1)?,
                    header: if self.proxy_forwarded == Some(true) { Header::Forwarded } else { Header::XForwarded },
                }),
                None => None,
            },
        };
        Ok(config)
    }
}

impl NativePolicy {
    fn into_rule(self) -> (String, Rule) {
        let rule = match self.policy.as_str() {
            "gap" => Rule::Gap,
            "latest" => Rule::Latest(self.key),
            _ => Rule::Close,
        };
        (self.event, rule)
    }
}

impl From<NativeCors> for Cors {
    fn from(cors: NativeCors) -> Self {
        let mut origins = cors.origins;
        let origin = if cors.reflect == Some(true) {
            CorsOrigin::Reflect
        } else if origins.iter().any(|origin| origin == "*") {
            CorsOrigin::Any
        } else if cors.fixed == Some(true) && origins.len() == 1 {
            CorsOrigin::One(origins.remove(0))
        } else {
            CorsOrigin::List(origins)
        };
        Self {
            origin,
            methods: cors.methods,
            allowed_headers: cors.allowed_headers,
            exposed_headers: cors.exposed_headers,
            credentials: cors.credentials.unwrap_or(false),
            max_age: cors.max_age.map(|seconds| seconds as u32),
            options_status: cors.options_success_status.map(|status| status as u16),
        }
    }
}
