//! HTTP long-polling: one request in, one response out, whoever owns the HTTP connection. Bodies are counted while they
//! come in (CVE-2020-36048).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::{Headers, Response, note_of, own, served};
use crate::compressor;
use crate::guard::{cors, origin};
use crate::hub::command::{Answer, Input, Respond, SessionRequest};
use crate::hub::event::watch;
use crate::hub::ids::Id;
use crate::hub::server::{Server, State};
use crate::session::handshake::{Refusal, Request, Verdict, verify};

/// Bodies from this size on are compressed elsewhere: the thread that answers serves other clients meanwhile.
const LARGE: usize = 8 * 1024;

static NEXT_REQUEST: AtomicU64 = AtomicU64::new(1);

/// A request whose body may still be coming in.
pub struct Exchange {
    server: Arc<Server>,
    session: Option<Id>,
    id: u64,
    is_post: bool,
    body: Vec<u8>,
    too_large: bool,
}

impl Exchange {
    /// Takes a request's head. `send` gets the response, once, on any thread; possibly before the body has come.
    pub fn begin(server: &Arc<Server>, mut request: Request, send: impl FnOnce(Response) + Send + 'static) -> Self {
        if let Some(proxies) = server.config.access.proxies {
            proxies.resolve(&mut request);
        }
        let mut exchange = Self {
            server: server.clone(),
            session: None,
            id: NEXT_REQUEST.fetch_add(1, Relaxed),
            is_post: request.method == "POST",
            body: Vec::new(),
            too_large: false,
        };
        if let Some(cors) = request.cors(&server.config).filter(|_| request.method == "OPTIONS") {
            let (status, headers) = cors::preflight(cors, &request);
            send(Response { status, headers: own(headers), body: Vec::new() });
            return exchange;
        }
        let respond = responder(server, &request, send);
        let refuse = |respond: Respond, refusal: Refusal| {
            note_of(&refusal, &request);
            respond(Answer::Refused(refusal));
        };
        match check(server, &request) {
            Err(refusal) => refuse(respond, refusal),
            Ok(Verdict::Open) => match server.admit(&request) {
                Err(refusal) => refuse(respond, refusal),
                Ok(seat) => {
                    let request = Box::new(request);
                    let input = Input::OpenPolling { server: server.context.clone(), request, seat, respond };
                    server.mailbox(server.next_shard()).push(input);
                }
            },
            Ok(Verdict::Session { sid, websocket, current }) => {
                let Some(sid) = Id::parse(&sid) else {
                    respond(Answer::Refused(Refusal::UNKNOWN_SID));
                    return exchange;
                };
                exchange.session = Some(sid);
                exchange.tell(Input::Request(Box::new(SessionRequest {
                    server: server.context.clone(),
                    sid,
                    id: exchange.id,
                    binary: request.header("content-type") == Some("application/octet-stream"),
                    method: request.method,
                    websocket,
                    current,
                    respond,
                })));
            }
        }
        exchange
    }

    /// More of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        let Some(sid) = self.session.filter(|_| self.is_post && !self.too_large) else {
            return;
        };
        if self.body.len() + chunk.len() > self.server.config.max_http_buffer_size {
            self.too_large = true;
            let (size, limit) = (self.body.len() + chunk.len(), self.server.config.max_http_buffer_size);
            tracing::warn!(size, limit, "refusing what a client posts: it is larger than maxHttpBufferSize");
            self.body = Vec::new();
            self.server.refusals.size.add(1);
            self.tell(Input::TooLarge { sid, id: self.id });
        } else {
            self.body.extend_from_slice(chunk);
        }
    }

    /// The body is whole.
    pub fn end(&mut self) {
        if let Some(sid) = self.session.filter(|_| self.is_post && !self.too_large) {
            let body = std::mem::take(&mut self.body).into();
            self.tell(Input::Body { sid, id: self.id, body });
        }
    }

    /// The client went away before its response.
    pub fn abort(&mut self) {
        if let Some(sid) = self.session {
            self.tell(Input::Aborted { sid, id: self.id });
        }
    }

    fn tell(&self, input: Input) {
        if let Some(sid) = self.session {
            self.server.mailbox(sid.shard(self.server.shards())).push(input);
        }
    }
}

fn check(server: &Server, request: &Request) -> Result<Verdict, Refusal> {
    server.check_size(request)?;
    let verdict = verify(served(&server.config), request, false)?;
    if origin::may_connect(request, request.cors(&server.config)) {
        Ok(verdict)
    } else {
        Err(origin::refusal(request, server.config.access.proxies.is_some()))
    }
}

/// Dresses answers as HTTP responses: CORS, cookie, compression.
fn responder(server: &Arc<Server>, request: &Request, send: impl FnOnce(Response) + Send + 'static) -> Respond {
    let server = server.clone();
    let cors = request.cors(&server.config).map(|cors| cors::headers(cors, request)).unwrap_or_default();
    let encoding = Encoding::accepted(request.header("accept-encoding").unwrap_or_default());
    let watched = server.watches(watch::REFUSALS).then(|| request.clone());
    Box::new(move |answer| {
        let mut headers: Headers = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        let mut compression = None;
        let (status, body) = match answer {
            Answer::Payload { body, opened, plain } => {
                add("Content-Type", "text/plain; charset=UTF-8");
                add("cache-control", "no-store");
                if let (Some(sid), Some((name, attributes))) = (opened, &server.config.cookie) {
                    add("Set-Cookie", &format!("{name}={}{attributes}", sid.as_str()));
                }
                let threshold = server.config.compression_threshold;
                compression = encoding.filter(|_| !plain && threshold > 0 && body.len() >= threshold);
                if let Some(encoding) = compression {
                    add("Content-Encoding", encoding.name());
                }
                (200, body)
            }
            Answer::Ok => {
                add("Content-Type", "text/html");
                add("cache-control", "no-store");
                (200, b"ok".to_vec())
            }
            Answer::Refused(refusal) => {
                if let Some(request) = &watched {
                    server.tell_refusal(&refusal, request);
                }
                add("Content-Type", "application/json");
                (refusal.status(), refusal.body().into_bytes())
            }
            Answer::Status(status) => (status, Vec::new()),
            Answer::Cut => (0, Vec::new()),
        };
        // What is said last, while a server closes, does not go round about.
        let is_large = body.len() >= LARGE && server.state() == State::Open;
        let finish = move || {
            let body = match compression {
                Some(encoding) => encoding.compress(&body),
                None => body,
            };
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
            headers.extend(own(cors));
            send(Response { status, headers, body });
        };
        if is_large && compression.is_some() {
            compressor::run(usize::MAX, finish);
        } else {
            finish();
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
}

impl Encoding {
    /// What an Accept-Encoding header prefers; gzip if it does not care.
    fn accepted(header: &str) -> Option<Self> {
        let quality = |name: &str| {
            let of = |wanted: &str| {
                header.split(',').find_map(|part| {
                    let mut fields = part.split(';').map(str::trim);
                    let coding = fields.next().filter(|coding| coding.eq_ignore_ascii_case(wanted));
                    coding.map(|_| fields.find_map(|field| field.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0))
                })
            };
            of(name).or_else(|| of("*")).unwrap_or(0.0)
        };
        let (gzip, deflate): (f32, f32) = (quality("gzip"), quality("deflate"));
        if gzip > 0.0 && gzip >= deflate { Some(Self::Gzip) } else { (deflate > 0.0).then_some(Self::Deflate) }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    fn compress(self, body: &[u8]) -> Vec<u8> {
        let compressed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
        };
        compressed.expect("writing to memory does not fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        for (header, expected) in [
            ("gzip, deflate, br", Some(Encoding::Gzip)),
            ("deflate", Some(Encoding::Deflate)),
            ("deflate, gzip;q=0.5", Some(Encoding::Deflate)),
            ("gzip;q=0, deflate", Some(Encoding::Deflate)),
            ("*", Some(Encoding::Gzip)),
            ("br", None),
            ("", None),
        ] {
            assert_eq!(Encoding::accepted(header), expected, "{header}");
        }
    }
}
