//! Sockets that Node accepted: the descriptor is duplicated and served by a shard; Node closes its own copy, which
//! neither ends nor resets the connection. For what cannot be taken over (TLS, pipes) one end of a socket pair is served
//! and Node pumps the other.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bytes::Bytes;

use super::listener::serve_all;
use super::upgrade;
use crate::error::Error;
use crate::hub::command::{MakeStream, Stream};
use crate::hub::server::Server;
use crate::session::handshake::Request;

/// Serves the connection behind `fd` from now on: answers 101 or the refusal. The caller closes its own copy. `head`:
/// what was read behind the request. `ERR_TAKEOVER` if the descriptor cannot be duplicated.
pub fn take_over(server: &Arc<Server>, fd: RawFd, request: Request, head: Bytes) -> Result<(), Error> {
    let stream = TcpStream::from(duplicate(fd)?);
    stream.set_nonblocking(true).map_err(failed)?;
    serve(server, request, head, stream, |stream| {
        Box::new(|| {
            let stream = tokio::net::TcpStream::from_std(stream)?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    });
    Ok(())
}

/// Serves one end of a new socket pair; returns the other, which the caller owns. `ERR_TAKEOVER` if the system has no
/// descriptors left.
pub fn bridge(server: &Arc<Server>, request: Request, head: Bytes) -> Result<RawFd, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    serve(server, request, head, ours, |stream| {
        Box::new(|| Ok(Box::new(tokio::net::UnixStream::from_std(stream)?) as Box<dyn Stream>))
    });
    Ok(theirs.into_raw_fd())
}

/// Serves ports that Node listens on, and connections that it has accepted and not read from, until the server closes: for
/// the end of the process, when Node has no time for them any more and clients are still to fetch what waits for them.
/// `ERR_TAKEOVER` as above.
pub fn take_ports(server: &Arc<Server>, listening: &[RawFd], accepted: &[RawFd]) -> Result<(), Error> {
    let mut listeners = Vec::with_capacity(listening.len());
    for fd in listening {
        let listener = TcpListener::from(duplicate(*fd)?);
        listener.set_nonblocking(true).map_err(failed)?;
        listeners.push(listener);
    }
    let mut connections = Vec::with_capacity(accepted.len());
    for fd in accepted {
        let stream = TcpStream::from(duplicate(*fd)?);
        stream.set_nonblocking(true).map_err(failed)?;
        connections.push(stream);
    }
    serve_all(server, listeners, connections);
    Ok(())
}

/// Proves that a duplicate outlives Node's socket: waits for a byte on a duplicate of `fd`, answers with `token`,
/// closes it. `ERR_TAKEOVER` as above.
pub fn self_test(fd: RawFd, token: String) -> Result<(), Error> {
    let stream = TcpStream::from(duplicate(fd)?);
    stream.set_nonblocking(false).map_err(failed)?;
    answer(stream, token)
}

/// The same of the bridge: one end of a new socket pair answers; returns the other, which the caller owns.
pub fn bridge_self_test(token: String) -> Result<RawFd, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    answer(ours, token)?;
    Ok(theirs.into_raw_fd())
}

/// Answers the first byte with `token`, on a thread that ends with that byte or with the other end, whenever that is.
fn answer(mut stream: impl Read + Write + Send + 'static, token: String) -> Result<(), Error> {
    let test = move || {
        if stream.read(&mut [0; 1]).is_ok_and(|count| count == 1) {
            let _ = stream.write_all(token.as_bytes());
        }
    };
    std::thread::Builder::new().name("realtime-selftest".into()).spawn(test).map_err(failed)?;
    Ok(())
}

fn serve<S: Write + Send + 'static>(
    server: &Arc<Server>,
    request: Request,
    head: Bytes,
    mut stream: S,
    make: impl FnOnce(S) -> MakeStream,
) {
    match upgrade::check(server, request) {
        Ok(upgrade) => {
            let preface = upgrade::write_head("101 Switching Protocols", &upgrade.headers, b"");
            upgrade::admit(server, upgrade, preface, head, make(stream));
        }
        Err(refusal) => {
            // A fresh connection has room for so little; if not, it is closed without a word.
            let _ = stream.write_all(&upgrade::refusal_bytes(&refusal));
        }
    }
}

#[allow(unsafe_code)]
fn duplicate(fd: RawFd) -> Result<OwnedFd, Error> {
    if fd < 0 {
        return Err(failed(format!("{fd} is no descriptor")));
    }
    // SAFETY: the caller holds the descriptor open for the length of this call; it is only duplicated.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    borrowed.try_clone_to_owned().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new("ERR_TAKEOVER", format!("cannot take the connection over: {error}"))
}
