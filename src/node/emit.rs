//! Emitting to many: Socket.IO events, and those of the nself layer.

use std::sync::Arc;

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, Result};
use napi_derive::napi;

use super::errors::{Code, coded};
use crate::hub::{self, Selection};

/// Flag: drop the event for those who cannot be written to now.
pub const VOLATILE: u32 = 1;
/// Flag: the event may wait for others of its room.
const BATCH: u32 = 2;

/// Room names for the core.
pub fn names(rooms: Vec<String>) -> Vec<Arc<str>> {
    rooms.into_iter().map(Arc::from).collect()
}

/// Attachments for the core.
pub fn attachments(data: Option<Vec<Buffer>>) -> Vec<Bytes> {
    data.unwrap_or_default().iter().map(|data| Bytes::copy_from_slice(data)).collect()
}

/// `flags`: 1 volatile, 2 batch. `text`: JSON array, event name first. False when the server is closed.
#[napi]
pub fn emit(
    server: u32,
    nsp: String,
    rooms: Vec<String>,
    except: Vec<String>,
    flags: u32,
    text: String,
    #[napi(ts_arg_type = "Array<Buffer>")] attached: Option<Vec<Buffer>>,
) -> bool {
    let Ok(server) = hub::server(server) else {
        return false;
    };
    let to = Selection { rooms: names(rooms), except: names(except) };
    server.emit(&nsp, to, flags & VOLATILE != 0, flags & BATCH != 0, &text, &attachments(attached))
}

/// Emits in the nself envelope. The six events are validated (ERR_INVALID_EVENT, the message names the field), room
/// names too (ERR_INVALID_ROOM). `batch`: absent takes the event's default. False when no nself server is open in this
/// process.
#[napi(js_name = "emitEvent")]
pub fn emit_event(
    #[napi(ts_arg_type = "string")] kind: String,
    data: String,
    room: Option<String>,
    socket_id: Option<String>,
    batch: Option<bool>,
) -> Result<bool, Code> {
    hub::emit_event(&kind, &data, room.as_deref(), socket_id.as_deref(), batch).map_err(coded)
}
