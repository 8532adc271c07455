//! The bytes of a WebSocket whose client may deflate its messages: no panic, no message beyond the limit, whatever it
//! inflates to, and the same messages however they are cut. The first byte says how they are cut, and whether the client
//! keeps its context.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nself_realtime::protocol::deflate::Agreed;
use nself_realtime::session::websocket::{Incoming, WebSocket};

const LIMIT: usize = 4096;

fn read(bytes: &[u8], step: usize, client_context: bool) -> Vec<String> {
    let mut socket = WebSocket::deflating(LIMIT, 1024, Agreed { window: 15, client_context });
    let mut seen = Vec::new();
    for piece in bytes.chunks(step) {
        if let Err(violation) = socket.inspect(piece) {
            seen.push(format!("{violation:?}"));
            return seen;
        }
        let mut input = piece;
        loop {
            match socket.next(&mut input) {
                Ok(None) => break,
                Ok(Some(incoming)) => {
                    match &incoming {
                        Incoming::Text(text) => assert!(text.len() <= LIMIT),
                        Incoming::Binary(data) => assert!(data.len() <= LIMIT),
                        Incoming::Ping(_) => {}
                        Incoming::Close(_) => {
                            seen.push(format!("{incoming:?}"));
                            return seen;
                        }
                    }
                    seen.push(format!("{incoming:?}"));
                }
                Err(violation) => {
                    seen.push(format!("{violation:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

fuzz_target!(|data: &[u8]| {
    let Some((step, bytes)) = data.split_first() else { return };
    // So short that the counter of fragments, which sees whole reads, has nothing to say.
    let bytes = &bytes[..bytes.len().min(4096)];
    let keeps = step & 1 == 1;
    assert_eq!(read(bytes, usize::from(*step) + 1, keeps), read(bytes, usize::MAX, keeps));
});
