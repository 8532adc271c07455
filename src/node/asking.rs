//! Events that ask all who get them.

use napi::JsString;
use napi::bindgen_prelude::{Buffer, Result};
use napi_derive::napi;

use super::emit::{PLAIN, VOLATILE, attachments, check_array, names};
use super::errors::{Code, invalid};
use super::text;
use crate::hub::acks::{self, Answer};
use crate::hub::server::Outgoing;
use crate::hub::{self, Selection};

/// Answers that are handed over.
#[napi(object)]
pub struct Answers {
    /// JSON `[[attachments, value?], …]`.
    pub text: String,
    /// Their attachments, one after another.
    pub data: Vec<Buffer>,
}

impl From<Vec<Answer>> for Answers {
    fn from(answers: Vec<Answer>) -> Self {
        let data = answers.iter().flat_map(|answer| &answer.attachments).map(|data| data.to_vec().into()).collect();
        Self { text: acks::text(&answers), data }
    }
}

/// Emits as `emit` does, and asks all who get the event to acknowledge `id`. Returns the number of the group of answers: an
/// `answers` event comes when all have answered; endAsking gives those that have. Nothing when the server is closed.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)] // As `emit`.
pub fn ask_all(
    server: u32,
    nsp: JsString<'_>,
    rooms: Vec<String>,
    except: Vec<String>,
    id: f64,
    flags: u32,
    text: JsString<'_>,
    #[napi(ts_arg_type = "Array<Buffer>")] attached: Option<Vec<Buffer>>,
) -> Result<Option<f64>, Code> {
    if id.is_nan() || id < 0.0 {
        return Err(invalid(format!("id must not be {id}")));
    }
    let Ok(server) = hub::server(server) else { return Ok(None) };
    let asked = text::read([nsp, text], |[nsp, text]| {
        check_array(text)?;
        let to = Selection { rooms: names(rooms), except: names(except), user: None };
        let (volatile, plain) = (flags & VOLATILE != 0, flags & PLAIN != 0);
        let attachments = attachments(attached);
        let event = Outgoing { nsp, to, volatile, plain, text, attachments: &attachments, ..Outgoing::default() };
        Ok::<_, napi::Error<Code>>(server.ask_all(event, id).map(|group| group as f64))
    });
    asked.map_err(|error| invalid(error.reason))?
}

/// The time for answers is over: those that have come. Nothing: all had come, and their event is on its way.
#[napi(catch_unwind)]
pub fn end_asking(server: u32, group: f64) -> Option<Answers> {
    hub::server(server).ok()?.end_asking(group as u64).map(Answers::from)
}
