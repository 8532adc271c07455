//! Engine.IO and Socket.IO packets: no text makes the decoders panic, and what decodes can be encoded again.

use bytes::Bytes;
use nself_realtime::protocol::engine::{self, Packet as Engine};
use nself_realtime::protocol::frame::Frame;
use nself_realtime::protocol::socket::{self, Packet as Socket};
use proptest::collection::vec;
use proptest::prelude::*;

/// Texts that are nearly packets: pieces of the grammar, separators, bytes of several lengths.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-6]",
        "[0-9]{1,3}-?",
        "/[a-zé]{0,3},?",
        Just("[\"ev\",1]".to_owned()),
        Just("[\"é\\ud800\",{\"_placeholder\":true,\"num\":0}]".to_owned()),
        Just("{\"a\":1e400}".to_owned()),
        Just("[\"connect\"]".to_owned()),
        Just("\u{1e}".to_owned()),
        Just("b4AQ==".to_owned()),
        "[\\[\\]{}\",:b ]{0,3}",
        "\\PC{0,2}",
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![nearly(), any::<String>()]
}

/// A packet's text, as a client would write it.
fn encoded(packet: &Engine) -> String {
    match packet {
        Engine::Open => "0".into(),
        Engine::Close => "1".into(),
        Engine::Ping(text) => format!("2{text}"),
        Engine::Pong => "3".into(),
        Engine::Text(text) => format!("4{text}"),
        Engine::Upgrade => "5".into(),
        Engine::Noop => "6".into(),
        Engine::Invalid => "x".into(),
        Engine::Binary(data) => {
            let mut payload = Vec::new();
            engine::push_to_payload(&mut payload, Frame::binary(data).packet());
            String::from_utf8(payload).unwrap()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engine_packets_come_back(text in text()) {
        let packet = Engine::decode(&text);
        let again = encoded(&packet);
        prop_assert_eq!(Engine::decode(&again), packet);
    }

    #[test]
    fn socket_packets_come_back(text in text()) {
        let Ok(packet) = Socket::decode(&text) else { return Ok(()) };
        // Such an id prints as JavaScript prints it, which is no packet.
        prop_assume!(packet.id.is_none_or(|id| id < 1e21));
        let attachments = vec![Bytes::new(); packet.attachments];
        let frames =
            socket::encode(packet.kind, packet.nsp, packet.id, packet.data.unwrap_or_default(), &attachments);
        prop_assert_eq!(frames.len(), 1 + packet.attachments);
        let again = std::str::from_utf8(frames[0].packet().payload).unwrap();
        prop_assert_eq!(Engine::decode(again), Engine::Text(&again[1..]));
        prop_assert_eq!(Socket::decode(&again[1..]), Ok(packet));
    }

    #[test]
    fn socket_packets_are_found(
        kind in "[0-6]",
        nsp in "/[a-z/é?=-]{0,8}",
        id in proptest::option::of(0u32..),
        args in "[^\"\\\\\\p{Cc}]{0,8}",
        count in 1usize..=10,
    ) {
        let binary = kind == "5" || kind == "6";
        let json = match kind.as_str() {
            "1" => String::new(),
            "0" | "4" => format!("{{\"a\":\"{args}\"}}"),
            _ => format!("[\"ev{args}\",\"{args}\"]"),
        };
        let count_text = if binary { format!("{count}-") } else { String::new() };
        let id_text = id.map(|id| id.to_string()).unwrap_or_default();
        let text = format!("{kind}{count_text}{nsp},{id_text}{json}");
        let packet = Socket::decode(&text).unwrap();
        prop_assert_eq!(packet.nsp, &nsp);
        prop_assert_eq!(packet.id, id.map(f64::from));
        prop_assert_eq!(packet.data.unwrap_or_default(), json);
        prop_assert_eq!(packet.attachments, if binary { count } else { 0 });
        let name = (kind == "2" || kind == "5").then(|| format!("ev{args}"));
        prop_assert_eq!(packet.name.as_deref(), name.as_deref());
    }

    #[test]
    fn payloads_are_their_parts(parts in vec(text(), 0..8)) {
        let payload = parts.join("\x1e");
        let mut expected = Vec::new();
        for part in payload.split('\x1e') {
            expected.push(Engine::decode(part));
            if expected.last() == Some(&Engine::Invalid) {
                break;
            }
        }
        prop_assert_eq!(engine::decode_payload(&payload).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn payloads_come_back(parts in vec(prop_oneof![
        any::<Vec<u8>>().prop_map(|data| Frame::binary(&data)),
        "[^\u{1e}]{0,9}".prop_map(|text| Frame::text(&["4", &text])),
    ], 1..8)) {
        let mut payload = Vec::new();
        parts.iter().for_each(|frame| engine::push_to_payload(&mut payload, frame.packet()));
        let payload = String::from_utf8(payload).unwrap();
        let packets: Vec<Frame> = engine::decode_payload(&payload)
            .map(|packet| match packet {
                Engine::Text(text) => Frame::text(&["4", text]),
                Engine::Binary(data) => Frame::binary(&data),
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(packets, parts);
    }
}

#[test]
fn a_payload_of_a_million_packets_takes_one_pass() {
    // Seconds at most; a quadratic decoder (CVE-2020-36049) would take an hour.
    let payload = "4\x1e".repeat(1_000_000);
    let decoded = engine::decode_payload(&payload).count();
    assert_eq!(decoded, 1_000_001);
}
