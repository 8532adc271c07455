//! Servers: open, listen, namespaces, close, looks from outside.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Function, Result};
use napi_derive::napi;

use super::errors::{Code, coded, invalid, whole};
use super::inbox::{Inbox, InboxEvent};
use super::options::NativeOptions;
use super::{environment, http};
use crate::error::Error;
use crate::guard::ticket::Ticket;
use crate::hub;
use crate::hub::command::Input;
use crate::hub::server::Server;
use crate::transport::listener;

/// Longest time, in milliseconds.
const MAX_TIME: u64 = i32::MAX as u64;

/// The package version that this binary was built as.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Opens a server in the process's hub. `inbox` gets what happens, a slice at a time: see takeInbox. It does not keep the
/// process alive.
#[napi(catch_unwind)]
pub fn open_server(
    env: Env,
    options: NativeOptions,
    #[napi(ts_arg_type = "(events: InboxEvent[]) => void")] inbox: Function<'_, Vec<InboxEvent>, ()>,
) -> Result<u32, Code> {
    let config = options.into_config()?;
    let inbox = Arc::new(Inbox::new(inbox).map_err(|error| coded(Error::new("ERR_THREADS", error.reason)))?);
    hub::on_thread_start(environment::be_patient);
    let server = hub::open(config, inbox.clone()).map_err(coded)?;
    http::register(server.id, inbox);
    environment::opened(&env, server.id)?;
    Ok(server.id)
}

/// The process's nself server (any module copy, any worker), if one is open.
#[napi(catch_unwind)]
pub fn nself_server() -> Option<u32> {
    hub::nself_server().map(|server| server.id)
}

/// Flushes, closes every connection, and reports by a `closed` event; idempotent. `deadline` in milliseconds.
#[napi(catch_unwind)]
pub fn close_server(server: u32, deadline: f64) -> Result<(), Code> {
    let deadline = whole("deadline", deadline, MAX_TIME)?;
    if let Ok(server) = hub::server(server) {
        server.close(deadline, true);
    }
    Ok(())
}

/// The same, blocking this thread: for the process's exit. Returns the JSON report. Answers to polling clients are left
/// in the inbox: see drainInbox.
#[napi(catch_unwind)]
pub fn close_server_sync(server: u32, deadline: f64) -> Result<String, Code> {
    let deadline = whole("deadline", deadline, MAX_TIME)?;
    let Ok(server) = hub::server(server) else {
        return Ok("{}".into());
    };
    server.close(deadline, false);
    // A little longer, for the threads to notice the deadline themselves.
    server.wait_closed(Duration::from_millis(deadline + 200));
    environment::last_words();
    Ok(report(&server))
}

fn report(server: &Arc<Server>) -> String {
    serde_json::to_string(&server.report()).expect("numbers are JSON")
}

/// Takes what the inbox holds, after a call of its function: responses and the end, and of the rest the next `most`. Only
/// when this has given nothing with `most` above 0 is the function called anew.
#[napi(catch_unwind)]
pub fn take_inbox(server: u32, most: u32) -> Vec<InboxEvent> {
    http::inbox(server).map(|inbox| inbox.take(most as usize)).unwrap_or_default()
}

/// Takes the responses that the inbox holds, and drops the rest: for a thread that will not be called any more.
#[napi(catch_unwind)]
pub fn drain_inbox(server: u32) -> Vec<InboxEvent> {
    http::inbox(server).map(|inbox| inbox.drain()).unwrap_or_default()
}

/// Rust owns the port, of all addresses unless a host is given. Returns the bound port. Throws ERR_LISTEN.
#[napi(catch_unwind)]
pub fn listen(server: u32, host: Option<String>, port: f64) -> Result<u16, Code> {
    let port = whole("port", port, u16::MAX.into())? as u16;
    let server = hub::server(server).map_err(coded)?;
    listener::listen(&server, host.as_deref(), port).map_err(coded)
}

/// The time in which clients that come from now on must join a namespace, in milliseconds.
#[napi(catch_unwind)]
pub fn set_connect_timeout(server: u32, ms: f64) -> Result<(), Code> {
    let ms = whole("connectTimeout", ms, MAX_TIME)?;
    hub::server(server).map_err(coded)?.connect_timeout.store(ms, std::sync::atomic::Ordering::Relaxed);
    Ok(())
}

/// Closes the connections that came by an HTTP server, by its number ("forced close"); returns how many. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn close_via(server: u32, via: u32) -> Result<u32, Code> {
    let closed = hub::server(server).map_or_else(|_| Ok(0), |server| server.close_via(via)).map_err(coded)?;
    Ok(closed as u32)
}

/// Declares a namespace. `listen`: tell JavaScript of its sockets and their events. `ask`: hold each CONNECT for accept
/// or deny.
#[napi(catch_unwind)]
pub fn declare_namespace(server: u32, name: String, listen: bool, ask: bool) -> Result<(), Code> {
    hub::server(server).map_err(coded)?.declare(&name, listen, ask);
    Ok(())
}

/// JavaScript may make namespaces from now on when clients ask for them: see the `namespace` event.
#[napi(catch_unwind)]
pub fn make_namespaces(server: u32) -> Result<(), Code> {
    hub::server(server).map_err(coded)?.registry.set_dynamic();
    Ok(())
}

/// Answers a `namespace` event: what it names is declared, or there is none.
#[napi(catch_unwind)]
pub fn decide_namespace(server: u32, connection: f64, id: u32) -> Result<(), Code> {
    super::socket::tell(server, connection, |connection| Input::Wished { connection, token: id })?;
    super::socket::abandon(server);
    Ok(())
}

/// Forgets a namespace in which nobody is. False: somebody is, or may come back to it.
#[napi(catch_unwind)]
pub fn forget_namespace(server: u32, name: String) -> bool {
    hub::server(server).is_ok_and(|server| server.forget(&name))
}

/// A signed ticket for a user: what it names may be joined until `expires_in` milliseconds from now, without JavaScript.
/// Throws ERR_INVALID_TICKET, ERR_INVALID_ROOM, ERR_NO_TICKET_KEYS.
#[napi(catch_unwind)]
pub fn create_ticket(
    server: u32,
    user_id: String,
    rooms: Option<Vec<String>>,
    expires_in: f64,
) -> Result<String, Code> {
    let server = hub::server(server).map_err(coded)?;
    if !expires_in.is_finite() {
        return Err(invalid(format!("expiresIn must be a time in ms, not {expires_in}")));
    }
    let until = jiff::Timestamp::now().as_millisecond().saturating_add(expires_in as i64);
    let ticket = Ticket { user: user_id, rooms, until };
    match &server.config.access.tickets {
        Some(keys) => keys.sign(&ticket).map_err(coded),
        None => Err(coded(Error::new("ERR_NO_TICKET_KEYS", "give the server keys by its option \"tickets\""))),
    }
}

/// JSON array of `{userId, socketId, rooms, connectedAt, lastSeen}` (times ISO 8601); of one user, or of
/// one room (without their others), if given. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn presence(server: u32, user_id: Option<String>, room: Option<String>) -> Result<String, Code> {
    let entries = hub::server(server).map_or_else(|_| Ok(Vec::new()), |server| server.presence(user_id, room));
    Ok(serde_json::to_string(&entries.map_err(coded)?).expect("entries are JSON"))
}

/// Socket ids in a room; waits for the shards. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn room_members(server: u32, nsp: String, room: String) -> Result<Vec<String>, Code> {
    hub::server(server).map_or_else(|_| Ok(Vec::new()), |server| server.room_members(&nsp, &room)).map_err(coded)
}

/// Tells of rooms that get their first member or lose their last by `room` events, from now on; begins with those that
/// have members.
#[napi(catch_unwind)]
pub fn watch_rooms(server: u32) -> Result<(), Code> {
    hub::server(server).map_err(coded)?.watch_rooms();
    Ok(())
}

/// JSON object of counters; waits for the shards. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn stats(server: u32) -> Result<String, Code> {
    let stats = hub::server(server).and_then(|server| server.stats(true)).map_err(coded)?;
    Ok(serde_json::to_string(&stats).expect("numbers are JSON"))
}

/// The same in the text form of Prometheus.
#[napi(catch_unwind)]
pub fn metrics(server: u32) -> Result<String, Code> {
    Ok(hub::server(server).and_then(|server| server.stats(true)).map_err(coded)?.prometheus())
}
