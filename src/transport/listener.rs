//! The listener of `listen`: hyper speaks HTTP, the shards do the rest. Connections are spread over the shards. A request
//! that opens a WebSocket, the usual one, is answered without hyper: see `quick`.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use super::polling::Exchange;
use super::quick::{self, Rewound};
use super::upgrade;
use super::{Headers, Response, note};
use crate::error::Error;
use crate::guard::gate::Visit;
use crate::hub::command::{Command, Purpose, Stream};
use crate::hub::context;
use crate::hub::ids::Id;
use crate::hub::runtime::Shard;
use crate::hub::server::{Said, Server, State};
use crate::session::handshake::{Refusal, Request};

/// Smallest buffer that hyper takes.
const HYPER_BUFFER: usize = 8192;
/// Connections that may wait to be accepted. One beyond is not refused: its client tries again after a second.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed, unless only its client was concerned.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a port and serves it until the server closes; without a host on all addresses, as Node does. Returns the bound
/// port. `ERR_LISTEN`.
pub fn listen(server: &Arc<Server>, host: Option<&str>, port: u16) -> Result<u16, Error> {
    let failed = |error: io::Error| {
        let place = host.map_or_else(|| format!("port {port}"), |host| format!("{host}:{port}"));
        Error::new("ERR_LISTEN", format!("cannot listen on {place}: {error}; choose another port, or free it"))
    };
    let listener = bind(host, port).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?.port();
    serve_all(server, vec![listener], Vec::new());
    Ok(bound)
}

/// Serves listening sockets, and connections that somebody else has accepted, until the server closes. None of them blocks.
pub(super) fn serve_all(
    server: &Arc<Server>,
    listeners: Vec<std::net::TcpListener>,
    connections: Vec<std::net::TcpStream>,
) {
    let (close, closed) = watch::channel(false);
    server.on_close(move || {
        let _ = close.send(true);
    });
    for listener in listeners {
        let (owner, closed, spare) = (server.clone(), closed.clone(), Spare::new());
        server.mailbox(0).push(Command::Run(Box::new(move |shard| {
            shard.borrow_mut().guest(&owner.context, true);
            tokio::task::spawn_local(accept(shard.clone(), owner, listener, spare, closed));
        })));
    }
    for stream in connections {
        let Ok(remote) = stream.peer_addr() else { continue };
        if let Ok(visit) = server.visit(remote.ip()) {
            send(server, stream, remote, visit, closed.clone());
        }
    }
}

/// Sends a connection to the shard whose turn it is.
fn send(
    server: &Arc<Server>,
    stream: std::net::TcpStream,
    remote: SocketAddr,
    visit: Visit,
    closed: watch::Receiver<bool>,
) {
    let owner = server.clone();
    server.mailbox(server.next_shard()).push(Command::Run(Box::new(move |shard| {
        if let Ok(stream) = TcpStream::from_std(stream) {
            receive(shard, owner, stream, remote, visit, closed);
        }
    })));
}

fn bind(host: Option<&str>, port: u16) -> io::Result<std::net::TcpListener> {
    let Some(host) = host else {
        return match open((Ipv6Addr::UNSPECIFIED, port).into()) {
            // A system without IPv6.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => open((Ipv4Addr::UNSPECIFIED, port).into()),
            opened => opened,
        };
    };
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for address in (host, port).to_socket_addrs()? {
        match open(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port that was just given back can be taken again; on Windows it would take somebody else's.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // IPv4, too, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn accept(
    shard: Rc<RefCell<Shard>>,
    server: Arc<Server>,
    listener: std::net::TcpListener,
    mut spare: Spare,
    mut closed: watch::Receiver<bool>,
) {
    // Dropped behind the listener: a server that is closed has given its port back.
    let here = shard.clone();
    let _guest = Guest(shard, server.context.clone());
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closed.wait_for(|closed| *closed) => return,
        };
        let (stream, remote) = match accepted {
            Ok((stream, remote)) => (stream, remote),
            Err(error) => {
                match Trouble::of(&error) {
                    Trouble::Gone => tracing::debug!(%error, "a connection ended before it was accepted"),
                    Trouble::Exhausted => {
                        server.refusals.descriptors.add(1);
                        tracing::warn!(%error, "cannot accept a connection");
                        if !spare.turn_away(&listener) {
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                    Trouble::Other => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
                continue;
            }
        };
        let visit = match server.visit(remote.ip()) {
            Ok(visit) => visit,
            Err(refusal) => {
                note(&refusal, &remote.ip().to_canonical().to_string());
                say(stream, &refusal);
                continue;
            }
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        if server.shards() == 1 {
            receive(&here, server.clone(), stream, remote, visit, closed.clone());
        } else if let Ok(stream) = stream.into_std() {
            send(&server, stream, remote, visit, closed.clone());
        }
    }
}

/// Why an accept failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The client went away before: the next one is not concerned.
    Gone,
    /// No descriptors or no memory are left, for anybody.
    Exhausted,
    /// Anything else, such as a network that is down for a moment.
    Other,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        #[cfg(unix)]
        const EXHAUSTED: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
        // WSAEMFILE and WSAENOBUFS.
        #[cfg(not(unix))]
        const EXHAUSTED: [i32; 2] = [10024, 10055];
        match error.kind() {
            _ if error.raw_os_error().is_some_and(|code| EXHAUSTED.contains(&code)) => Self::Exhausted,
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused => {
                Self::Gone
            }
            _ => Self::Other,
        }
    }
}

/// Tells a client that cannot stay, as far as its connection takes it at once.
fn say(stream: TcpStream, refusal: &Refusal) {
    let headers = refusal.upgrade_headers();
    let response = Response { status: refusal.upgrade_status(), headers, body: refusal.message.as_bytes().to_vec() };
    let _ = stream.try_write(&upgrade::refusal_bytes(&response));
}

/// A descriptor that is kept for the time when there are none: a client is then told so, instead of left to wait.
struct Spare(Option<std::net::UdpSocket>);

impl Spare {
    fn new() -> Self {
        Self(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok())
    }

    /// Takes a waiting client, tells it, and lets it go. False: it could not.
    fn turn_away(&mut self, listener: &TcpListener) -> bool {
        if self.0.take().is_none() {
            *self = Self::new();
            return false;
        }
        let mut context = Context::from_waker(Waker::noop());
        let told = match listener.poll_accept(&mut context) {
            Poll::Ready(Ok((stream, _))) => {
                say(stream, &Refusal::FULL);
                true
            }
            _ => false,
        };
        *self = Self::new();
        told
    }
}

/// Counts a listener or an HTTP connection among what a closing server waits for, as long as it lives.
struct Guest(Rc<RefCell<Shard>>, Arc<context::Context>);

impl Drop for Guest {
    fn drop(&mut self) {
        if let Ok(mut shard) = self.0.try_borrow_mut() {
            shard.guest(&self.1, false);
        }
    }
}

/// Serves a connection on this shard.
fn receive(
    shard: &Rc<RefCell<Shard>>,
    server: Arc<Server>,
    stream: TcpStream,
    remote: SocketAddr,
    visit: Visit,
    mut closed: watch::Receiver<bool>,
) {
    shard.borrow_mut().guest(&server.context, true);
    let shard = shard.clone();
    tokio::task::spawn_local(async move {
        let guest = Guest(shard, server.context.clone());
        let _visit = visit;
        let address = remote.ip().to_canonical().to_string();
        let rest = tokio::select! {
            rest = quick::open(&guest.0, &server, stream, &address) => rest,
            _ = closed.wait_for(|closed| *closed) => return,
        };
        if let Some(stream) = rest {
            // In a box: most connections never need it.
            Box::pin(serve(server, stream, address, closed)).await;
        }
    });
}

async fn serve(server: Arc<Server>, stream: Rewound, address: String, mut closed: watch::Receiver<bool>) {
    let service = service_fn(|request| handle(server.clone(), address.clone(), request));
    let limits = server.config.limits;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.headers_timeout))
        .max_buf_size(limits.max_header_size.max(HYPER_BUFFER))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = closed.wait_for(|closed| *closed) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if error.is_parse_too_large() {
            server.refusals.headers.add(1);
        } else if error.is_timeout() {
            server.refusals.timeout.add(1);
        }
        tracing::debug!(%error, "HTTP connection ended");
    }
}

type HyperResponse = hyper::Response<Full<Bytes>>;

/// An error makes hyper cut the connection, which is what `Answer::Cut` asks for.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn handle(
    server: Arc<Server>,
    remote: String,
    mut request: hyper::Request<Incoming>,
) -> Result<HyperResponse, Cut> {
    let mut head = head(&request, remote);
    if let Err(refusal) = server.check_size(&head) {
        note(&refusal, &head.remote);
        return Ok(plain(refusal.upgrade_status(), refusal.upgrade_headers(), refusal.message.as_bytes().to_vec()));
    }
    let is_file = server.config.may_be_file(head.path());
    if !server.config.claims(head.path()) && !is_file {
        if server.state() != State::Open {
            // Of an application that is ending: it would not have answered either.
            return Err(Cut);
        }
        let body = format!("This server answers at {} only.\n", server.config.path);
        return Ok(plain(404, vec![("Content-Type".into(), "text/plain".into())], body.into()));
    }
    // At the end of a process JavaScript answers no more.
    if (is_file || server.config.asks_cors) && server.state() == State::Open {
        let patience = Duration::from_millis(server.config.limits.request_timeout);
        match tokio::time::timeout(patience, server.ask_about(head.head_json())).await {
            Ok(Some(Said::Serve(cors))) => head.cors = cors,
            Ok(Some(Said::Answer(status, headers, body))) => return Ok(plain(status, headers, body)),
            Ok(None) => return Err(Cut),
            Err(_) => return Ok(plain(503, vec![("Connection".into(), "close".into())], Vec::new())),
        }
    }
    if head.wants_upgrade() {
        return Ok(upgrade(server, head, &mut request).await);
    }
    let (send, mut response) = oneshot::channel();
    let mut exchange = Abandoned(Some(Exchange::begin(&server, head, move |response| {
        let _ = send.send(response);
    })));
    let mut body = request.into_body();
    let mut more = !body.is_end_stream();
    let late = tokio::time::sleep(Duration::from_millis(server.config.limits.request_timeout));
    let mut late = std::pin::pin!(late);
    let response = loop {
        let Some(running) = exchange.0.as_mut() else {
            return Err(Cut);
        };
        if !more {
            running.end();
            break (&mut response).await;
        }
        tokio::select! {
            biased;
            response = &mut response => break response,
            () = &mut late => {
                server.refusals.timeout.add(1);
                return Ok(plain(408, vec![("Connection".into(), "close".into())], Vec::new()));
            }
            frame = body.frame() => match frame {
                Some(Ok(frame)) => {
                    if let Some(chunk) = frame.data_ref() {
                        running.body(chunk);
                    }
                    more = !body.is_end_stream();
                }
                Some(Err(_)) => return Err(Cut),
                None => more = false,
            },
        }
    };
    exchange.0 = None;
    match response {
        Ok(Response { status, headers, body }) if status != 0 => Ok(plain(status, headers, body)),
        _ => Err(Cut),
    }
}

/// A request whose future is dropped before its response was given up by its client.
struct Abandoned(Option<Exchange>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(mut exchange) = self.0.take() {
            exchange.abort();
        }
    }
}

async fn upgrade(server: Arc<Server>, head: Request, request: &mut hyper::Request<Incoming>) -> HyperResponse {
    let mut checked = match upgrade::check(&server, head) {
        Ok(upgrade) => upgrade,
        Err(Response { status, headers, body }) => return plain(status, headers, body),
    };
    let headers = std::mem::take(&mut checked.headers);
    if let Purpose::Probe { sid, current, request, .. } = &checked.purpose {
        let refusal = match known(&server, sid).await {
            false => Some(Refusal::UNKNOWN_SID),
            true => (!current).then_some(Refusal::BAD_REQUEST),
        };
        if let Some(refusal) = refusal {
            if let Some(request) = request {
                server.tell_refusal(&refusal, request);
            }
            return plain(400, refusal.upgrade_headers(), refusal.message.as_bytes().to_vec());
        }
    }
    let upgraded = hyper::upgrade::on(request);
    tokio::task::spawn_local(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Rewound>>() else {
            return;
        };
        let Ok(stream) = parts.io.into_inner().into_inner().into_std() else {
            return;
        };
        let stream = Box::new(|| Ok(Box::new(TcpStream::from_std(stream)?) as Box<dyn Stream>));
        upgrade::admit(&server, checked, Bytes::new(), parts.read_buf, stream);
    });
    plain(101, headers, Vec::new())
}

/// Whether a session exists, on whichever shard.
async fn known(server: &Arc<Server>, sid: &str) -> bool {
    let Some(sid) = Id::parse(sid) else {
        return false;
    };
    let (answer, question) = oneshot::channel();
    let id = server.id;
    server.mailbox(sid.shard(server.shards())).push(Command::Run(Box::new(move |shard| {
        let _ = answer.send(shard.borrow().knows(&sid, id));
    })));
    question.await.unwrap_or(false)
}

fn head(request: &hyper::Request<Incoming>, remote: String) -> Request {
    let headers = request.headers().iter();
    Request {
        method: request.method().as_str().to_owned(),
        url: request.uri().path_and_query().map_or("/".into(), |url| url.as_str().to_owned()),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        remote,
        secure: false,
        ..Request::default()
    }
}

fn plain(status: u16, headers: Headers, body: Vec<u8>) -> HyperResponse {
    let mut response = hyper::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::from(body)).unwrap_or_else(|_: http::Error| {
        let mut response = hyper::Response::new(Full::default());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::hub::server::{Event, Sink};

    struct Deaf;

    impl Sink for Deaf {
        fn push(&self, _: Event) {}
    }

    #[test]
    fn many_may_wait_while_nobody_accepts() {
        let server = crate::hub::open(Config::default(), Arc::new(Deaf)).unwrap();
        let port = listen(&server, Some("127.0.0.1"), 0).unwrap();
        let (asleep, sleeps) = channel();
        let (wake, woken) = channel::<()>();
        server.mailbox(0).push(Command::Run(Box::new(move |_| {
            asleep.send(()).unwrap();
            let _ = woken.recv();
        })));
        sleeps.recv().unwrap();
        let start = Instant::now();
        let waiting: Vec<_> = (0..600).map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
        drop((wake, waiting));
        server.close(0, false);
    }

    #[test]
    fn a_host_may_be_left_out() {
        let server = crate::hub::open(Config::default(), Arc::new(Deaf)).unwrap();
        let port = listen(&server, None, 0).unwrap();
        let has_ipv6 = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        for host in ["127.0.0.1", "::1"] {
            assert!(host == "::1" && !has_ipv6 || std::net::TcpStream::connect((host, port)).is_ok(), "{host}");
        }
        let error = listen(&server, None, port).unwrap_err();
        assert_eq!((error.code, error.message.contains(&format!("port {port}"))), ("ERR_LISTEN", true));
        server.close(0, false);
    }

    #[cfg(unix)]
    #[test]
    fn only_want_of_descriptors_and_memory_refuses_the_next_client() {
        let of = |code| Trouble::of(&io::Error::from_raw_os_error(code));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert_eq!(of(code), Trouble::Exhausted, "{code}");
        }
        assert_eq!(of(libc::ECONNABORTED), Trouble::Gone);
        for code in [libc::EPERM, libc::EPROTO, libc::ENETDOWN, libc::EHOSTUNREACH, libc::EINVAL] {
            assert_eq!(of(code), Trouble::Other, "{code}");
        }
    }
}
