//! Single sockets, and changes of many.

use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, Result};
use napi_derive::napi;

use super::emit::{VOLATILE, attachments, check_array, names};
use super::errors::{Code, coded, invalid, whole};
use crate::hub::command::{Input, Packet};
use crate::hub::{self, Change, Ended, Identity, Selection};
use crate::protocol::socket::Kind;

/// Most that a key of a socket can be: a number of JavaScript holds it.
const MAX_KEY: u64 = 1 << 53;

fn key(socket: f64) -> Result<u64, Code> {
    whole("socket", socket, MAX_KEY)
}

/// Tells the socket's shard; a closed server is told nothing.
pub fn tell(server: u32, socket: f64, input: impl FnOnce(u64) -> Input) -> Result<(), Code> {
    let socket = key(socket)?;
    if let Ok(server) = hub::server(server) {
        server.tell_socket(socket, input(socket));
    }
    Ok(())
}

fn change(server: u32, socket: f64, change: Change) -> Result<(), Code> {
    tell(server, socket, |socket| Input::Change { socket, change })
}

/// Lets a connecting socket in. `session` is what disconnectSession ends; `expiresAt` (ms since 1970) ends it by itself.
/// The first socket of a connection says it for all of them.
#[napi(catch_unwind)]
pub fn accept(
    server: u32,
    socket: f64,
    user_id: Option<String>,
    session: Option<String>,
    expires_at: Option<f64>,
) -> Result<(), Code> {
    // Infinity is never.
    if let Some(at) = expires_at.filter(|at| at.is_nan()) {
        return Err(invalid(format!("expiresAt must be a time in ms since 1970, not {at}")));
    }
    let identity = Identity {
        user: user_id.map(Arc::from),
        session: session.map(Arc::from),
        until: expires_at.map(|at| at as i64),
        rooms: None,
    };
    tell(server, socket, |socket| Input::Accept { socket, identity })?;
    abandon(server);
    Ok(())
}

/// Answers a `join` event, by its id: lets the socket into the room, or refuses with the text of `error`.
#[napi(catch_unwind)]
pub fn decide_join(server: u32, socket: f64, id: u32, error: Option<String>) -> Result<(), Code> {
    tell(server, socket, |socket| Input::Joined { socket, token: id, error })
}

/// Closes every connection of a user, also of one whom accept lets in later than this if it was asked before. Returns how
/// many sockets that were; waits for the shards. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn disconnect_user(server: u32, user_id: String) -> Result<u32, Code> {
    end(server, &Ended::User(user_id.into()))
}

/// The same for a session.
#[napi(catch_unwind)]
pub fn disconnect_session(server: u32, session: String) -> Result<u32, Code> {
    end(server, &Ended::Session(session.into()))
}

fn end(server: u32, ended: &Ended) -> Result<u32, Code> {
    let count = hub::server(server).map_or(Ok(0), |server| server.end(ended)).map_err(coded)?;
    Ok(count as u32)
}

/// Answers CONNECT_ERROR with `error`, a JSON object `{message, data?}`.
#[napi(catch_unwind)]
pub fn deny(server: u32, socket: f64, error: String) -> Result<(), Code> {
    tell(server, socket, |socket| Input::Deny { socket, error })?;
    abandon(server);
    Ok(())
}

/// Answers for a connecting socket that is gone, when no work is left that it caused: until then it counts among the
/// pending authentications.
#[napi(catch_unwind)]
pub fn abandon(server: u32) {
    if let Ok(server) = hub::server(server) {
        server.release_decision();
    }
}

/// To one socket. `kind`: 2 EVENT, 3 ACK. `flags`: 1 volatile.
#[napi(catch_unwind)]
pub fn send(
    server: u32,
    socket: f64,
    kind: u32,
    id: Option<f64>,
    flags: u32,
    text: String,
    #[napi(ts_arg_type = "Array<Buffer>")] attached: Option<Vec<Buffer>>,
) -> Result<(), Code> {
    let kind = match kind {
        2 => Kind::Event,
        3 => Kind::Ack,
        other => return Err(invalid(format!("kind must be 2 or 3, not {other}"))),
    };
    check_array(&text)?;
    // However large: clients choose it.
    if let Some(id) = id.filter(|id| id.is_nan() || *id < 0.0) {
        return Err(invalid(format!("id must not be {id}")));
    }
    let attachments = attachments(attached);
    let volatile = flags & VOLATILE != 0;
    tell(server, socket, |socket| Input::Send(Box::new(Packet { socket, kind, id, volatile, text, attachments })))
}

/// Puts a socket into rooms.
#[napi(catch_unwind)]
pub fn join(server: u32, socket: f64, rooms: Vec<String>) -> Result<(), Code> {
    change(server, socket, Change::Join(names(rooms)))
}

/// Takes a socket out of rooms.
#[napi(catch_unwind)]
pub fn leave(server: u32, socket: f64, rooms: Vec<String>) -> Result<(), Code> {
    change(server, socket, Change::Leave(names(rooms)))
}

/// Takes a socket out of all rooms, its own too.
#[napi(catch_unwind)]
pub fn leave_all(server: u32, socket: f64) -> Result<(), Code> {
    change(server, socket, Change::LeaveAll)
}

/// Disconnects a socket from its namespace; with `close` its whole connection.
#[napi(catch_unwind)]
pub fn disconnect(server: u32, socket: f64, close: bool) -> Result<(), Code> {
    change(server, socket, Change::Disconnect(close))
}

/// Closes the connection under a socket ("forced close").
#[napi(catch_unwind)]
pub fn close_connection(server: u32, socket: f64) -> Result<(), Code> {
    tell(server, socket, |socket| Input::CloseConnection { socket })
}

/// The rooms of a socket, its own id first; waits for the shard. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn socket_rooms(server: u32, socket: f64) -> Result<Vec<String>, Code> {
    let socket = key(socket)?;
    hub::server(server).map_or_else(|_| Ok(Vec::new()), |server| server.socket_rooms(socket)).map_err(coded)
}

fn change_all(server: u32, nsp: &str, rooms: Vec<String>, except: Vec<String>, change: &Change) {
    if let Ok(server) = hub::server(server) {
        server.change_all(nsp, &Selection { rooms: names(rooms), except: names(except), user: None }, change);
    }
}

/// Disconnects the sockets in any of `rooms` (all, if there are none), without those in any of `except`.
#[napi(catch_unwind)]
pub fn disconnect_sockets(server: u32, nsp: String, rooms: Vec<String>, except: Vec<String>, close: bool) {
    change_all(server, &nsp, rooms, except, &Change::Disconnect(close));
}

/// Puts the selected sockets into the rooms `into`.
#[napi(catch_unwind)]
pub fn sockets_join(server: u32, nsp: String, rooms: Vec<String>, except: Vec<String>, into: Vec<String>) {
    change_all(server, &nsp, rooms, except, &Change::Join(names(into)));
}

/// Takes the selected sockets out of the rooms `from`.
#[napi(catch_unwind)]
pub fn sockets_leave(server: u32, nsp: String, rooms: Vec<String>, except: Vec<String>, from: Vec<String>) {
    change_all(server, &nsp, rooms, except, &Change::Leave(names(from)));
}
