//! Single connections, as Engine.IO knows them, and what JavaScript wants to know.

use std::sync::atomic::Ordering::Relaxed;

use napi::bindgen_prelude::{Buffer, Result};
use napi_derive::napi;

use super::errors::{Code, coded, whole};
use crate::hub;
use crate::hub::command::Input;
use crate::protocol::frame::Frame;

/// Most that a key of a connection can be: a number of JavaScript holds it.
const MAX_KEY: u64 = 1 << 53;

/// Tells the connection's shard; a closed server is told nothing.
fn tell(server: u32, connection: f64, input: impl FnOnce(&hub::server::Server, u64) -> Input) -> Result<(), Code> {
    let key = whole("connection", connection, MAX_KEY)?;
    if let Ok(server) = hub::server(server) {
        server.tell_socket(key, input(&server, key));
    }
    Ok(())
}

/// What to tell of a server from now on: 1 requests that are refused (`refused`), 2 connections that open (`opened`).
#[napi(catch_unwind)]
pub fn watch_server(server: u32, what: u32) -> Result<(), Code> {
    hub::server(server).map_err(coded)?.watched.store(what, Relaxed);
    Ok(())
}

/// What to tell of a connection from now on: 2 its end (`ended`; at once, if it is over), 4 packets from the client
/// (`packet`), 8 packets to it (`sent`), 16 that all was written (`drained`).
#[napi(catch_unwind)]
pub fn watch_connection(server: u32, connection: f64, what: u32) -> Result<(), Code> {
    let eye = what as u8 & !hub::event::eye::UPGRADE;
    tell(server, connection, |server, connection| Input::Watch { server: server.context.clone(), connection, eye })
}

/// How a connection is: JSON `{transport, readyState, upgrading, upgraded, waiting}`; null if it is gone. Waits for the
/// shard. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn connection_state(server: u32, connection: f64) -> Result<Option<String>, Code> {
    let key = whole("connection", connection, MAX_KEY)?;
    hub::server(server).map_or(Ok(None), |server| server.connection_state(key)).map_err(coded)
}

/// Ends a connection ("forced close"); `discard`: without what waits for it.
#[napi(catch_unwind)]
pub fn end_connection(server: u32, connection: f64, discard: bool) -> Result<(), Code> {
    tell(server, connection, |_, connection| Input::End { connection, discard })
}

/// Ends every connection of a server ("forced close"); the server goes on. Waits for the shards. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn end_connections(server: u32) -> Result<(), Code> {
    hub::server(server).map_or(Ok(()), |server| server.end_connections()).map_err(coded)
}

/// An Engine.IO message to a client: text, or else data.
#[napi(catch_unwind)]
pub fn send_message(server: u32, connection: f64, text: Option<String>, data: Option<Buffer>) -> Result<(), Code> {
    let frame = match (text, data) {
        (Some(text), _) => Frame::text(&["4", &text]),
        (None, data) => Frame::binary(&data.map(|data| data.to_vec()).unwrap_or_default()),
    };
    tell(server, connection, |_, connection| Input::Say { connection, frame })
}
