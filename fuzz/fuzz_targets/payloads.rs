//! A polling payload: its packets are those of its parts, up to the first bad one, and they can be encoded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nself_realtime::protocol::engine::{self, Packet};
use nself_realtime::protocol::frame::Frame;

fuzz_target!(|body: &[u8]| {
    let body = engine::body_text(body);
    let packets: Vec<Packet<'_>> = engine::decode_payload(&body).collect();
    let mut expected = Vec::new();
    for part in body.split('\x1e') {
        expected.push(Packet::decode(part));
        if expected.last() == Some(&Packet::Invalid) {
            break;
        }
    }
    assert_eq!(packets, expected);
    let messages: Vec<Packet<'_>> =
        packets.into_iter().filter(|packet| matches!(packet, Packet::Text(_) | Packet::Binary(_))).collect();
    let mut payload = Vec::new();
    for message in &messages {
        let frame = match message {
            Packet::Text(text) => Frame::text(&["4", text]),
            Packet::Binary(data) => Frame::binary(data),
            _ => unreachable!("filtered"),
        };
        engine::push_to_payload(&mut payload, frame.packet());
    }
    if !messages.is_empty() {
        let payload = std::str::from_utf8(&payload).expect("payloads are text");
        assert!(engine::decode_payload(payload).eq(messages));
    }
});
