//! Emitting to many: Socket.IO events, and those of the nself layer.

use std::sync::Arc;

use bytes::Bytes;
use napi::JsString;
use napi::bindgen_prelude::{Buffer, Either, Result};
use napi_derive::napi;
use smallvec::smallvec;

use super::errors::{Code, coded, invalid};
use super::text;
use crate::events::Keep;
use crate::hub::server::Outgoing;
use crate::hub::{self, Selection, To};

/// Flag: drop the event for those who cannot be written to now.
pub const VOLATILE: u32 = 1;
/// Flag: the event may wait for others of its room.
const BATCH: u32 = 2;

/// Room names for the core.
pub fn names<T: FromIterator<Arc<str>>>(rooms: Vec<String>) -> T {
    rooms.into_iter().map(Arc::from).collect()
}

/// Attachments for the core.
pub fn attachments(data: Option<Vec<Buffer>>) -> Vec<Bytes> {
    data.unwrap_or_default().iter().map(|data| Bytes::copy_from_slice(data)).collect()
}

/// Flags: what may happen to the event in a full outbox.
const CLOSE: u32 = 4;
const GAP: u32 = 8;
const LATEST: u32 = 16;

/// `rooms`: one, or several; none: everybody. `flags`: 1 volatile, 2 batch, and of a full outbox 4 close, 8 gap, 16 latest
/// (of `key`); none of these: what the options say for this name. `text`: JSON array, event name first. False when the server
/// is closed.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)] // An object would cost more than the emit.
pub fn emit(
    server: u32,
    nsp: JsString<'_>,
    #[napi(ts_arg_type = "string | Array<string>")] rooms: Either<JsString<'_>, Vec<String>>,
    except: Option<Vec<String>>,
    flags: u32,
    text: JsString<'_>,
    #[napi(ts_arg_type = "Array<Buffer>")] attached: Option<Vec<Buffer>>,
    key: Option<String>,
) -> Result<bool, Code> {
    let Ok(server) = hub::server(server) else {
        return Ok(false);
    };
    let keep = match flags & (CLOSE | GAP | LATEST) {
        CLOSE => Some(Keep::Close),
        GAP => Some(Keep::Gap),
        LATEST => Some(Keep::Latest(key.unwrap_or_default())),
        _ => None,
    };
    let send = |nsp: &str, rooms, text: &str| {
        check_array(text)?;
        Ok(server.emit(Outgoing {
            nsp,
            to: Selection { rooms, except: names(except.unwrap_or_default()), user: None },
            volatile: flags & VOLATILE != 0,
            batch: flags & BATCH != 0,
            keep,
            enveloped: false,
            text,
            attachments: &attachments(attached),
        }))
    };
    let sent = match rooms {
        Either::A(room) => text::read([nsp, room, text], |[nsp, room, text]| send(nsp, smallvec![room.into()], text)),
        Either::B(rooms) => text::read([nsp, text], |[nsp, text]| send(nsp, names(rooms), text)),
    };
    sent.map_err(with_code)?
}

/// Emits in the nself envelope, to one or several rooms, a socket, a user's sockets, or everybody. The six events are
/// validated (ERR_INVALID_EVENT, the message names the field), room names too (ERR_INVALID_ROOM). `batch`: absent takes the
/// event's default. False when no nself server is open in this process.
#[napi(catch_unwind, js_name = "emitEvent")]
pub fn emit_event(
    kind: JsString<'_>,
    data: JsString<'_>,
    #[napi(ts_arg_type = "string | Array<string> | undefined | null")] rooms: Option<Either<JsString<'_>, Vec<String>>>,
    socket_id: Option<String>,
    user_id: Option<String>,
    batch: Option<bool>,
) -> Result<bool, Code> {
    let send = |kind: &str, data: &str, to: &To<'_>| hub::emit_event(kind, data, to, batch).map_err(coded);
    match rooms {
        Some(Either::A(room)) => {
            text::read([kind, data, room], |[kind, data, room]| send(kind, data, &To::Rooms(&[room])))
        }
        Some(Either::B(rooms)) => text::read([kind, data], |[kind, data]| {
            let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
            send(kind, data, &To::Rooms(&rooms))
        }),
        None => text::read([kind, data], |[kind, data]| {
            let to = match (&socket_id, &user_id) {
                (Some(id), _) => To::Socket(id),
                (None, Some(user)) => To::User(user),
                (None, None) => To::All,
            };
            send(kind, data, &to)
        }),
    }
    .map_err(with_code)?
}

/// Whether a text looks like the JSON array that a packet holds: anything else would be an unreadable packet to all clients.
pub fn check_array(text: &str) -> Result<(), Code> {
    if text.len() >= 2 && text.starts_with('[') && text.ends_with(']') {
        return Ok(());
    }
    Err(invalid(format!("a packet must hold a JSON array, not {text:.100?}")))
}

fn with_code(error: napi::Error) -> napi::Error<Code> {
    napi::Error::new(error.status.into(), error.reason)
}
