//! The HTTP half of a WebSocket (RFC 6455, section 4.2): the checks, and the 101 response.

use std::sync::Arc;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Headers, Response, note_of, own, served};
use crate::guard::{cors, origin};
use crate::hub::command::{Command, Incoming, MakeStream, Purpose};
use crate::hub::event::watch;
use crate::hub::ids::Id;
use crate::hub::server::Server;
use crate::protocol::deflate::{self, Agreed};
use crate::session::handshake::{Refusal, Request, Verdict, verify};

/// An upgrade that may go on.
pub struct Upgrade {
    /// The headers of the 101 response.
    pub headers: Headers,
    /// What the WebSocket is for.
    pub purpose: Purpose,
    /// Messages may be compressed.
    pub agreed: Option<Agreed>,
}

/// Checks an upgrade. The error is the response, after which the connection is closed.
pub fn check(server: &Arc<Server>, mut request: Request) -> Result<Upgrade, Response> {
    let config = &server.config;
    if let Some(proxies) = config.access.proxies {
        proxies.resolve(&mut request);
    }
    let refused = |refusal: Refusal| {
        note_of(&refusal, &request);
        server.tell_refusal(&refusal, &request);
        Response {
            status: refusal.upgrade_status(),
            headers: refusal.upgrade_headers(),
            body: refusal.message.as_bytes().to_vec(),
        }
    };
    server.check_size(&request).map_err(refused)?;
    let verdict = verify(served(config), &request, true).map_err(refused)?;
    if !origin::may_connect(&request, request.cors(config)) {
        return Err(refused(origin::refusal(&request, config.access.proxies.is_some())));
    }
    let key = check_websocket(&request)?;
    let mut headers: Headers = vec![
        ("Upgrade".into(), "websocket".into()),
        ("Connection".into(), "Upgrade".into()),
        ("Sec-WebSocket-Accept".into(), derive_accept_key(key.as_bytes())),
    ];
    if let Some(protocol) = request.header("sec-websocket-protocol").and_then(|list| list.split(',').next()) {
        headers.push(("Sec-WebSocket-Protocol".into(), protocol.trim().to_owned()));
    }
    let mut agreed = None;
    if let Some(options) = &config.deflate {
        let offers: Vec<&str> = request.headers_of("sec-websocket-extensions").collect();
        match deflate::negotiate(options, &offers.join(",")) {
            Ok(Some((parameters, answer))) => {
                agreed = Some(parameters);
                headers.push(("Sec-WebSocket-Extensions".into(), answer));
            }
            Ok(None) => {}
            Err(deflate::Malformed) => {
                return Err(refuse_websocket(
                    400,
                    "Invalid or unacceptable Sec-WebSocket-Extensions header",
                    Vec::new(),
                ));
            }
        }
    }
    if let Some(cors) = request.cors(config) {
        headers.extend(own(cors::headers(cors, &request)));
    }
    headers.extend(request.response_headers.iter().cloned());
    let is_websocket = request.param("transport").as_deref() == Some("websocket");
    let purpose = match verdict {
        Verdict::Session { sid, current, websocket } => {
            let request = server.watches(watch::REFUSALS).then(|| Box::new(request));
            Purpose::Probe { sid, current, websocket, request }
        }
        Verdict::Open if !is_websocket => Purpose::Close,
        Verdict::Open => {
            let seat = server.admit(&request).map_err(refused)?;
            Purpose::Open(Box::new(request), seat)
        }
    };
    Ok(Upgrade { headers, purpose, agreed })
}

/// Sends a checked WebSocket to its shard. `preface`: what is still to be written before the first frame.
pub fn admit(server: &Arc<Server>, upgrade: Upgrade, preface: Bytes, head: Bytes, stream: MakeStream) {
    let Upgrade { purpose, agreed, .. } = upgrade;
    let shard = match &purpose {
        Purpose::Probe { sid, .. } => Id::parse(sid).map(|sid| sid.shard(server.shards())),
        _ => None,
    };
    let shard = shard.unwrap_or_else(|| server.next_shard());
    let incoming = Incoming { server: server.context.clone(), stream, preface, agreed, head, purpose };
    server.mailbox(shard).push(Command::WebSocket(Box::new(incoming)));
}

/// A response as bytes.
pub fn write_head(status: &str, headers: &Headers, body: &[u8]) -> Bytes {
    let mut out = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.into()
}

/// The response to a refused upgrade as bytes.
pub fn refusal_bytes(response: &Response) -> Bytes {
    let reason = http::StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    write_head(&format!("{} {}", response.status, reason.unwrap_or_default()), &response.headers, &response.body)
}

/// The checks of the `ws` library, with its texts.
fn check_websocket(request: &Request) -> Result<&str, Response> {
    let refuse = |status, message: &str, more| Err(refuse_websocket(status, message, more));
    if request.method != "GET" {
        return refuse(405, "Invalid HTTP method", Vec::new());
    }
    if !request.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return refuse(400, "Invalid Upgrade header", Vec::new());
    }
    let Some(key) = request.header("sec-websocket-key").filter(|key| is_key(key)) else {
        return refuse(400, "Missing or invalid Sec-WebSocket-Key header", Vec::new());
    };
    if !matches!(request.header("sec-websocket-version"), Some("13" | "8")) {
        let versions = vec![("Sec-WebSocket-Version".into(), "13, 8".into())];
        return refuse(400, "Missing or invalid Sec-WebSocket-Version header", versions);
    }
    Ok(key)
}

fn refuse_websocket(status: u16, message: &str, more: Headers) -> Response {
    let mut headers: Headers = vec![
        ("Connection".into(), "close".into()),
        ("Content-Type".into(), "text/html".into()),
        ("Content-Length".into(), message.len().to_string()),
    ];
    headers.extend(more);
    Response { status, headers, body: message.into() }
}

/// 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let Some(digits) = key.strip_suffix("==") else {
        return false;
    };
    digits.len() == 22 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}
