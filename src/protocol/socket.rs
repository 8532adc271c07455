//! Socket.IO 5 packets (socketio/socket.io-protocol, "Packet encoding"):
//! `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use thiserror::Error;

use super::frame::Frame;
use super::json::{self, First};

/// Most attachments of one packet, whatever a session allows.
pub const MAX_ATTACHMENTS: usize = 1000;

/// Event names that a client may not send.
pub const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Packet types. Binary ones are told by their attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0
    Connect,
    /// 1
    Disconnect,
    /// 2, or 5 with attachments
    Event,
    /// 3, or 6 with attachments
    Ack,
    /// 4
    ConnectError,
}

/// A decoded packet; the JSON is checked for form and kind, but stays text.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// Binary messages that follow; 0 for a plain packet.
    pub attachments: usize,
    /// The namespace, `/` by default.
    pub nsp: &'a str,
    /// The ack id. A JavaScript number, for a client may send any digits.
    pub id: Option<f64>,
    /// The payload.
    pub data: Option<&'a str>,
    /// The event's name; numbers have none.
    pub name: Option<Cow<'a, str>>,
}

/// Why a packet is refused. Each closes the connection ("forced close").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// No type, or not 0 to 6.
    #[error("unknown packet type {}", .0.map_or("NaN".into(), |digit| digit.to_string()))]
    UnknownType(Option<u8>),
    /// No count, or not 1 to [`MAX_ATTACHMENTS`].
    #[error("Illegal attachments")]
    Attachments,
    /// Not JSON, or not what this type carries.
    #[error("invalid payload")]
    Payload,
    /// The ack id is no number.
    #[error("invalid ack id")]
    AckId,
    /// Text while attachments are due.
    #[error("got plaintext data when reconstructing a packet")]
    UnexpectedText,
    /// Binary while none is due.
    #[error("got binary data when not reconstructing a packet")]
    UnexpectedBinary,
}

impl<'a> Packet<'a> {
    /// Decodes a text packet (without the Engine.IO type).
    pub fn decode(text: &'a str) -> Result<Self, DecodeError> {
        let (kind, binary) = match text.bytes().next() {
            Some(b'0') => (Kind::Connect, false),
            Some(b'1') => (Kind::Disconnect, false),
            Some(b'2') => (Kind::Event, false),
            Some(b'3') => (Kind::Ack, false),
            Some(b'4') => (Kind::ConnectError, false),
            Some(b'5') => (Kind::Event, true),
            Some(b'6') => (Kind::Ack, true),
            other => return Err(DecodeError::UnknownType(other.filter(u8::is_ascii_digit).map(|digit| digit - b'0'))),
        };
        let mut rest = &text[1..];
        let attachments = if binary { take_attachments(&mut rest)? } else { 0 };
        let nsp = take_namespace(&mut rest);
        let id = take_id(&mut rest)?;
        let data = (!rest.is_empty()).then_some(rest);
        if data.is_some_and(|data| !json::is_valid(data)) {
            return Err(DecodeError::Payload);
        }
        let name = check_payload(kind, data)?;
        Ok(Self { kind, attachments, nsp, id, data, name })
    }
}

fn take_attachments(rest: &mut &str) -> Result<usize, DecodeError> {
    let (count, tail) = rest.split_once('-').ok_or(DecodeError::Attachments)?;
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecodeError::Attachments);
    }
    *rest = tail;
    match count.parse::<usize>() {
        Ok(n @ 1..=MAX_ATTACHMENTS) => Ok(n),
        _ => Err(DecodeError::Attachments),
    }
}

fn take_namespace<'a>(rest: &mut &'a str) -> &'a str {
    if !rest.starts_with('/') {
        return "/";
    }
    let (nsp, tail) = rest.split_once(',').unwrap_or((rest, ""));
    *rest = tail;
    nsp
}

/// Digits; white space counts as one, since `Number(" ")` is 0 in the official parser.
fn take_id(rest: &mut &str) -> Result<Option<f64>, DecodeError> {
    let end = rest.find(|c: char| !c.is_ascii_digit() && !c.is_whitespace()).unwrap_or(rest.len());
    let (digits, tail) = rest.split_at(end);
    if digits.is_empty() {
        return Ok(None);
    }
    *rest = tail;
    match digits.trim() {
        "" => Ok(Some(0.0)),
        digits => digits.parse().map(Some).map_err(|_| DecodeError::AckId),
    }
}

fn check_payload<'a>(kind: Kind, data: Option<&'a str>) -> Result<Option<Cow<'a, str>>, DecodeError> {
    let valid = match (kind, data) {
        (Kind::Disconnect, data) => data.is_none(),
        (_, None) => true,
        (Kind::Connect | Kind::ConnectError, Some(data)) => json::is_object(data),
        (Kind::Event | Kind::Ack, Some(data)) => json::is_array(data),
    };
    if !valid {
        return Err(DecodeError::Payload);
    }
    match (kind, data) {
        (Kind::Event, Some(data)) => match json::first_item(data).0 {
            First::String(name) if RESERVED.contains(&name.as_ref()) => Err(DecodeError::Payload),
            First::String(name) => Ok(Some(name)),
            First::Number => Ok(None),
            First::Other => Err(DecodeError::Payload),
        },
        _ => Ok(None),
    }
}

/// The frames of one packet: its text, then its attachments.
pub type Frames = SmallVec<[Frame; 1]>;

/// Encodes an event or ack, with its Engine.IO type: the text frame, then one binary frame for each attachment.
pub fn encode(kind: Kind, nsp: &str, id: Option<f64>, json: &str, attachments: &[Bytes]) -> Frames {
    let digit = match (kind, attachments.is_empty()) {
        (Kind::Connect, _) => "0",
        (Kind::Disconnect, _) => "1",
        (Kind::Event, true) => "2",
        (Kind::Ack, true) => "3",
        (Kind::ConnectError, _) => "4",
        (Kind::Event, false) => "5",
        (Kind::Ack, false) => "6",
    };
    let count = if attachments.is_empty() { String::new() } else { format!("{}-", attachments.len()) };
    let (nsp, comma) = if nsp == "/" { ("", "") } else { (nsp, ",") };
    let id = id.map_or_else(String::new, number);
    let mut frames = smallvec![Frame::text(&["4", digit, &count, nsp, comma, &id, json])];
    frames.extend(attachments.iter().map(|data| Frame::binary(data)));
    frames
}

/// A packet without attachments, as one frame.
pub fn encode_text(kind: Kind, nsp: &str, id: Option<f64>, json: &str) -> Frame {
    encode(kind, nsp, id, json, &[]).swap_remove(0)
}

/// A non-negative number as JavaScript prints it.
fn number(number: f64) -> String {
    if number.is_infinite() {
        "Infinity".into()
    } else if number >= 1e21 {
        format!("{number:e}").replace('e', "e+")
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(text: &str) -> Packet<'_> {
        Packet::decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn decodes_the_forms() {
        assert_eq!(packet("0").nsp, "/");
        assert_eq!(packet("0/admin,").nsp, "/admin");
        assert_eq!(packet("0/admin").nsp, "/admin");
        assert_eq!(packet("0{\"token\":1}").data, Some("{\"token\":1}"));
        let event = packet("2/admin,12[\"a\",1]");
        assert_eq!((event.id, event.data, event.name.as_deref()), (Some(12.0), Some("[\"a\",1]"), Some("a")));
        assert_eq!(packet("51-[\"b\",{\"_placeholder\":true,\"num\":0}]").attachments, 1);
        assert_eq!(packet("3123[]").id, Some(123.0));
        assert_eq!(packet("2").data, None);
        assert_eq!(packet("2[1]").name, None);
        assert_eq!(packet("4{\"message\":\"x\"}").kind, Kind::ConnectError);
    }

    #[test]
    fn refuses_what_the_official_parser_refuses() {
        for text in [
            "",
            "7",
            "a",
            "é",
            "0[]",
            "0\"x\"",
            "01x",
            "1{}",
            "2{}",
            "2[]",
            "2[null]",
            "2[\"connect\"]",
            "2[\"x\"",
            "3{}",
            "2[\"disconnecting\",1]",
            "5[\"x\"]",
            "50-[\"x\"]",
            "51001-[\"x\"]",
            "5x-[\"x\"]",
            "5-[\"x\"]",
            "6",
            "4[]",
            "2[\"\\u0063onnect\"]",
            "2abc",
            "21 2[\"x\"]",
        ] {
            assert!(Packet::decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn encodes() {
        let text = |frames: Frames| String::from_utf8(frames[0].packet().payload.to_vec()).unwrap();
        assert_eq!(text(encode(Kind::Event, "/", None, "[\"a\"]", &[])), "42[\"a\"]");
        assert_eq!(text(encode(Kind::Ack, "/x", Some(7.0), "[]", &[])), "43/x,7[]");
        let frames = encode(Kind::Event, "/x", Some(1.0), "[]", &[Bytes::from_static(&[1])]);
        assert_eq!((frames.len(), text(frames)), (2, "451-/x,1[]".into()));
    }

    #[test]
    fn numbers_print_as_in_javascript() {
        for (value, text) in [(0.0, "0"), (1e20, "100000000000000000000"), (1.5e21, "1.5e+21"), (1e300, "1e+300")] {
            assert_eq!(number(value), text);
        }
    }
}
