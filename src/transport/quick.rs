//! The way of a WebSocket that opens a session on a port of ours: its request is read and answered here, and the response
//! leaves with the open packet. Whatever is not such a request, whole and plain, goes to hyper with the bytes that were
//! read.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::upgrade::{self, Upgrade};
use crate::hub::command::{Incoming, Purpose, Stream};
use crate::hub::runtime::Shard;
use crate::hub::server::Server;
use crate::session::handshake::Request;

/// Largest head that is read here.
const HEAD: usize = 4096;
/// Most headers of it.
const HEADERS: usize = 32;
/// Silent connections that are closed in one turn.
const CLOSES: usize = 16;

/// Reads a connection's first bytes. If they open a session by WebSocket it is in the hands of the shard, and nothing is
/// left to do; otherwise returns the stream, to be read from its beginning.
pub async fn open(
    shard: &Rc<RefCell<Shard>>,
    server: &Arc<Server>,
    stream: TcpStream,
    remote: &str,
) -> Option<Rewound> {
    let patience = Duration::from_millis(server.config.limits.headers_timeout);
    loop {
        match tokio::time::timeout(patience, stream.readable()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => break,
            Err(_) => {
                server.refusals.timeout.add(1);
                break;
            }
        }
        // Not kept while waiting.
        let mut buffer = [0; HEAD];
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => return answer(shard, server, stream, remote, &buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    part(stream).await;
    None
}

/// Closes a connection that never said a word. Thousands may go at once, and each close costs the system some work: those
/// who stay get their turn in between.
async fn part(stream: TcpStream) {
    static TURNS: Semaphore = Semaphore::const_new(CLOSES);
    let turn = TURNS.acquire().await;
    drop(stream);
    tokio::task::yield_now().await;
    drop(turn);
}

fn answer(
    shard: &Rc<RefCell<Shard>>,
    server: &Arc<Server>,
    stream: TcpStream,
    remote: &str,
    read: &[u8],
) -> Option<Rewound> {
    let Some((end, request)) = upgrade_request(read, remote) else {
        return Some(Rewound::new(read, stream));
    };
    if !server.config.claims(request.path()) || server.config.asks_cors {
        return Some(Rewound::new(read, stream));
    }
    match upgrade::check(server, request) {
        Ok(Upgrade { headers, purpose: purpose @ Purpose::Open(..), agreed }) => {
            let preface = upgrade::write_head("101 Switching Protocols", &headers, &[]);
            let head = Bytes::copy_from_slice(&read[end..]);
            let stream = Box::new(|| Ok(Box::new(stream) as Box<dyn Stream>));
            let incoming = Incoming { server: server.context.clone(), stream, preface, agreed, head, purpose };
            shard.borrow_mut().websocket(incoming);
            None
        }
        Ok(_) => Some(Rewound::new(read, stream)),
        Err(refusal) => {
            // Asked once: a second look could count or answer differently. A fresh connection has room for so little.
            let _ = stream.try_write(&upgrade::refusal_bytes(&refusal));
            None
        }
    }
}

/// The request and where its head ends, if it is whole and asks for an upgrade, without a body.
fn upgrade_request(read: &[u8], remote: &str) -> Option<(usize, Request)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(end) = parsed.parse(read).ok()? else { return None };
    if parsed.version != Some(1) || parsed.method != Some("GET") || !parsed.path?.starts_with('/') {
        return None;
    }
    let mut list = Vec::with_capacity(parsed.headers.len());
    for header in &*parsed.headers {
        let name = header.name.to_ascii_lowercase();
        if ["content-length", "transfer-encoding"].contains(&&*name) {
            return None;
        }
        list.push((name, String::from_utf8_lossy(header.value).into_owned()));
    }
    let request = Request {
        method: "GET".into(),
        url: parsed.path?.to_owned(),
        headers: list,
        remote: remote.to_owned(),
        secure: false,
        ..Request::default()
    };
    request.wants_upgrade().then_some((end, request))
}

/// A stream whose first bytes were read already.
pub struct Rewound {
    first: Bytes,
    stream: TcpStream,
}

impl Rewound {
    fn new(first: &[u8], stream: TcpStream) -> Self {
        Self { first: Bytes::copy_from_slice(first), stream }
    }

    /// The stream; what was read before is read again by now.
    pub fn into_inner(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
