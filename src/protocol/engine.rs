//! Engine.IO 4 packets and polling payloads (socketio/engine.io-protocol, "Packet encoding").

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;

use super::frame;

/// Between the packets of a polling payload.
pub const SEPARATOR: u8 = 0x1e;

/// One Engine.IO packet as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: only servers send it.
    Open,
    /// `1`
    Close,
    /// `2`, with the text behind it (`probe` during an upgrade).
    Ping(&'a str),
    /// `3`
    Pong,
    /// `4`, with the text behind it.
    Text(&'a str),
    /// A binary message.
    Binary(Bytes),
    /// `5`
    Upgrade,
    /// `6`
    Noop,
    /// Unknown type or no type at all.
    Invalid,
}

impl<'a> Packet<'a> {
    /// Decodes a text packet: a WebSocket text message, or one part of a payload.
    pub fn decode(text: &'a str) -> Self {
        let Some(kind) = text.bytes().next() else {
            return Self::Invalid;
        };
        match kind {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping(&text[1..]),
            b'3' => Self::Pong,
            b'4' => Self::Text(&text[1..]),
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            b'b' => Self::Binary(decode_base64(&text[1..])),
            _ => Self::Invalid,
        }
    }
}

/// The packets of a polling payload, in order. An empty payload holds one invalid packet. Stops after an invalid one.
pub fn decode_payload(payload: &str) -> impl Iterator<Item = Packet<'_>> {
    let mut stop = false;
    payload.split(SEPARATOR as char).map_while(move |part| {
        if stop {
            return None;
        }
        let packet = Packet::decode(part);
        stop = packet == Packet::Invalid;
        Some(packet)
    })
}

/// Appends a packet to a polling payload: text as it is, binary as `b` and base64.
pub fn push_to_payload(out: &mut Vec<u8>, packet: frame::Packet<'_>) {
    if !out.is_empty() {
        out.push(SEPARATOR);
    }
    if packet.is_binary {
        out.push(b'b');
        out.extend_from_slice(STANDARD.encode(packet.payload).as_bytes());
    } else {
        out.extend_from_slice(packet.payload);
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Base64 as Node reads it: either alphabet, anything foreign skipped, an odd end dropped. It cannot fail.
fn decode_base64(text: &str) -> Bytes {
    if let Ok(data) = LENIENT.decode(text) {
        return data.into();
    }
    let mut clean: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ if byte.is_ascii_alphanumeric() => Some(byte),
            _ => None,
        })
        .collect();
    if clean.len() % 4 == 1 {
        clean.pop();
    }
    LENIENT.decode(clean).unwrap_or_default().into()
}

/// The text of the open packet's data, keys in the order in which Node writes them.
pub fn open_data(sid: &str, upgrades: bool, ping_interval: u64, ping_timeout: u64, max_payload: usize) -> String {
    let upgrades = if upgrades { "[\"websocket\"]" } else { "[]" };
    format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":{upgrades},\"pingInterval\":{ping_interval},\"pingTimeout\":{ping_timeout},\"maxPayload\":{max_payload}}}"
    )
}

/// A request body as text; broken UTF-8 becomes U+FFFD, as in Node.
pub fn body_text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_each_type() {
        assert_eq!(Packet::decode("2probe"), Packet::Ping("probe"));
        assert_eq!(Packet::decode("4h€"), Packet::Text("h€"));
        assert_eq!(Packet::decode("bAQIDBA=="), Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])));
        assert_eq!(Packet::decode(""), Packet::Invalid);
        assert_eq!(Packet::decode("é"), Packet::Invalid);
        assert_eq!(Packet::decode("7"), Packet::Invalid);
    }

    #[test]
    fn base64_is_read_as_node_does() {
        for (text, bytes) in
            [("AQI", &[1, 2][..]), ("-_8=", &[251, 255]), ("A", &[]), ("A*Q=", &[1]), ("AQ==ID", &[1]), ("é", &[])]
        {
            assert_eq!(decode_base64(text), bytes, "{text}");
        }
    }

    #[test]
    fn payloads_stop_after_a_bad_packet() {
        let packets: Vec<_> = decode_payload("4a\x1ex\x1e4b").collect();
        assert_eq!(packets, [Packet::Text("a"), Packet::Invalid]);
        assert_eq!(decode_payload("").collect::<Vec<_>>(), [Packet::Invalid]);
    }

    #[test]
    fn payloads_mix_text_and_binary() {
        let mut out = Vec::new();
        push_to_payload(&mut out, frame::Frame::text(&["4", "a"]).packet());
        push_to_payload(&mut out, frame::Frame::binary(&[1, 2, 3, 4]).packet());
        assert_eq!(out, b"4a\x1ebAQIDBA==");
    }
}
