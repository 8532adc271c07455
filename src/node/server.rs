//! Servers: open, listen, namespaces, close, looks from outside.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Function, Result};
use napi_derive::napi;

use super::errors::{Code, coded};
use super::inbox::{Inbox, InboxEvent};
use super::options::NativeOptions;
use super::{environment, http};
use crate::error::Error;
use crate::guard::ticket::Ticket;
use crate::hub;
use crate::hub::server::Server;
use crate::transport::listener;

/// The package version that this binary was built as.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Opens a server in the process's hub. `inbox` gets what happens, in batches; it does not keep the process alive.
#[napi]
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
#[napi]
pub fn nself_server() -> Option<u32> {
    hub::nself_server().map(|server| server.id)
}

/// Flushes, closes every connection, and reports by a `closed` event; idempotent. `deadline` in milliseconds.
#[napi]
pub fn close_server(server: u32, deadline: u32) {
    if let Ok(server) = hub::server(server) {
        server.close(deadline.into(), true);
    }
}

/// The same, blocking this thread: for the process's exit. Returns the JSON report. Answers to polling clients are left
/// in the inbox: see drainInbox.
#[napi]
pub fn close_server_sync(server: u32, deadline: u32) -> String {
    let Ok(server) = hub::server(server) else {
        return "{}".into();
    };
    server.close(deadline.into(), false);
    // A little longer, for the threads to notice the deadline themselves.
    server.wait_closed(Duration::from_millis(u64::from(deadline) + 200));
    report(&server)
}

fn report(server: &Arc<Server>) -> String {
    serde_json::to_string(&server.report()).expect("numbers are JSON")
}

/// Takes what the inbox holds, for a thread that will not be called any more.
#[napi]
pub fn drain_inbox(server: u32) -> Vec<InboxEvent> {
    http::inbox(server).map(|inbox| inbox.drain()).unwrap_or_default()
}

/// Rust owns the port, of all addresses unless a host is given. Returns the bound port. Throws ERR_LISTEN.
#[napi]
pub fn listen(server: u32, host: Option<String>, port: u16) -> Result<u16, Code> {
    let server = hub::server(server).map_err(coded)?;
    listener::listen(&server, host.as_deref(), port).map_err(coded)
}

/// Declares a namespace. `listen`: tell JavaScript of its sockets and their events. `ask`: hold each CONNECT for accept
/// or deny.
#[napi]
pub fn declare_namespace(server: u32, name: String, listen: bool, ask: bool) -> Result<(), Code> {
    hub::server(server).map_err(coded)?.declare(&name, listen, ask);
    Ok(())
}

/// A signed ticket for a user: what it names may be joined until `expires_in` milliseconds from now, without JavaScript.
/// Throws ERR_INVALID_TICKET, ERR_INVALID_ROOM, ERR_NO_TICKET_KEYS.
#[napi]
pub fn create_ticket(
    server: u32,
    user_id: String,
    rooms: Option<Vec<String>>,
    expires_in: f64,
) -> Result<String, Code> {
    let server = hub::server(server).map_err(coded)?;
    let until = jiff::Timestamp::now().as_millisecond().saturating_add(expires_in as i64);
    let ticket = Ticket { user: user_id, rooms, until };
    match &server.config.access.tickets {
        Some(keys) => keys.sign(&ticket).map_err(coded),
        None => Err(coded(Error::new("ERR_NO_TICKET_KEYS", "give the server keys by its option \"tickets\""))),
    }
}

/// JSON array of `{userId, socketId, rooms, connectedAt, lastSeen}` (times ISO 8601); of one user if given.
#[napi]
pub fn presence(server: u32, user_id: Option<String>) -> String {
    let entries = hub::server(server).map(|server| server.presence(user_id)).unwrap_or_default();
    serde_json::to_string(&entries).expect("entries are JSON")
}

/// Socket ids in a room; waits for the shards.
#[napi]
pub fn room_members(server: u32, nsp: String, room: String) -> Vec<String> {
    hub::server(server).map(|server| server.room_members(&nsp, &room)).unwrap_or_default()
}

/// Tells of rooms that get their first member or lose their last by `room` events, from now on; begins with those that
/// have members.
#[napi]
pub fn watch_rooms(server: u32) -> Result<(), Code> {
    hub::server(server).map_err(coded)?.watch_rooms();
    Ok(())
}

/// JSON object of counters; waits for the shards.
#[napi]
pub fn stats(server: u32) -> Result<String, Code> {
    let stats = hub::server(server).map_err(coded)?.stats(true);
    Ok(serde_json::to_string(&stats).expect("numbers are JSON"))
}

/// The same in the text form of Prometheus.
#[napi]
pub fn metrics(server: u32) -> Result<String, Code> {
    Ok(hub::server(server).map_err(coded)?.stats(true).prometheus())
}
