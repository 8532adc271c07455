//! One text packet, read as Engine.IO and as Socket.IO: no panic, and what decodes can be encoded again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use nself_realtime::protocol::engine;
use nself_realtime::protocol::json;
use nself_realtime::protocol::socket::{self, Packet};

fuzz_target!(|text: &str| {
    let _ = engine::Packet::decode(text);
    let Ok(packet) = Packet::decode(text) else { return };
    if let Some(data) = packet.data.filter(|data| json::is_array(data)) {
        let (_, rest) = json::first_item(data);
        json::second_item(rest);
    }
    // Larger ids print as JavaScript prints them, which is no packet.
    if packet.id.is_some_and(|id| id >= 1e21) {
        return;
    }
    let attachments = vec![Bytes::new(); packet.attachments];
    let data = packet.data.unwrap_or_default();
    let frames = socket::encode(packet.kind, packet.nsp, packet.id, data, &attachments);
    let again = std::str::from_utf8(frames[0].packet().payload).expect("packets are text");
    assert_eq!(Packet::decode(&again[1..]), Ok(packet));
});
