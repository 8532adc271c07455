//! Who is in a namespace and its rooms, for JavaScript that does not keep them.

use std::collections::BTreeMap;

use napi::bindgen_prelude::Result;
use napi_derive::napi;

use super::emit::names;
use super::errors::{Code, coded, invalid};
use crate::hub::server::Detail;
use crate::hub::{self, Selection};

/// A socket.
#[napi(object)]
pub struct FoundSocket {
    /// By which JavaScript names it.
    pub key: f64,
    pub id: String,
    /// Its own first.
    pub rooms: Option<Vec<String>>,
    /// JSON ConnectInfo: see InboxEvent.
    pub info: Option<String>,
}

/// The sockets in any of `rooms` (all, if there are none), without those in any of `except`. `detail`: `id`; `rooms`, their
/// rooms too; `unknown`, also the rooms and the info of those that JavaScript has not been told of; `all`, the same of
/// each; `adopt`, as `unknown`, and from now on JavaScript is told of them as of others. Waits for the shards. Throws
/// ERR_BUSY.
#[napi(catch_unwind)]
pub fn find_sockets(
    server: u32,
    nsp: String,
    rooms: Vec<String>,
    except: Vec<String>,
    #[napi(ts_arg_type = "'id' | 'rooms' | 'unknown' | 'all' | 'adopt'")] detail: String,
) -> Result<Vec<FoundSocket>, Code> {
    let detail = match &*detail {
        "id" => Detail::Id,
        "rooms" => Detail::Rooms,
        "unknown" => Detail::Unknown,
        "all" => Detail::All,
        "adopt" => Detail::Adopt,
        other => return Err(invalid(format!("detail must not be {other:?}"))),
    };
    let Ok(server) = hub::server(server) else { return Ok(Vec::new()) };
    let to = Selection { rooms: names(rooms), except: names(except), user: None };
    let found = server.find(&nsp, to, detail).map_err(coded)?;
    let sockets =
        found.into_iter().map(|one| FoundSocket { key: one.key as f64, id: one.id, rooms: one.rooms, info: one.info });
    Ok(sockets.collect())
}

/// JSON object of a namespace's rooms, each with the ids of its sockets; their own rooms are among them. Waits for the shards.
/// Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn room_table(server: u32, nsp: String) -> Result<String, Code> {
    let Ok(server) = hub::server(server) else { return Ok("{}".into()) };
    server.rooms(&nsp).map(|rooms| json(&rooms)).map_err(coded)
}

/// Tells of each who comes into a room of a namespace or leaves it by `stay` events, from now on, or no more. Returns as
/// roomTable does: what comes by events is what happened since. Throws ERR_BUSY.
#[napi(catch_unwind)]
pub fn watch_stays(server: u32, nsp: String, on: bool) -> Result<String, Code> {
    let Ok(server) = hub::server(server) else { return Ok("{}".into()) };
    server.watch(&nsp, on).map(|rooms| json(&rooms)).map_err(coded)
}

fn json(rooms: &BTreeMap<String, Vec<String>>) -> String {
    serde_json::to_string(rooms).expect("names are JSON")
}
