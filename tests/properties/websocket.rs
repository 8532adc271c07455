//! WebSocket input: whatever the bytes and however they are cut, nothing panics and the messages are the same.

use nself_realtime::protocol::frame::{FragmentCounter, MAX_FRAGMENTS, TooManyFragments};
use nself_realtime::session::websocket::{Incoming, WebSocket};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const LIMIT: usize = 300;

/// How the length is written: as it should be, or in a longer form than needed.
#[derive(Debug, Clone, Copy)]
enum Form {
    Shortest,
    Two,
    Eight,
}

fn frame(first: u8, masked: bool, form: Form, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut out = vec![first];
    match (form, payload.len()) {
        (Form::Shortest, length @ 0..=125) => out.push(mask_bit | length as u8),
        (Form::Shortest | Form::Two, length) => {
            out.push(mask_bit | 126);
            out.extend((length as u16).to_be_bytes());
        }
        (Form::Eight, length) => {
            out.push(mask_bit | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    let key = if masked { [7, 1, 255, 0] } else { [0; 4] };
    if masked {
        out.extend(key);
    }
    out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
    out
}

/// A frame as a client sends it, mostly a good one.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let form = prop_oneof![8 => Just(Form::Shortest), 1 => Just(Form::Two), 1 => Just(Form::Eight)];
    let payload = prop_oneof![
        4 => vec(any::<u8>(), 0..6),
        4 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => (100usize..400).prop_map(|length| vec![b'a'; length]),
    ];
    (first, prop::bool::weighted(0.97), form, payload)
        .prop_map(|(first, masked, form, payload)| frame(first, masked, form, &payload))
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any_frame(), 0..12).prop_map(|frames| frames.concat()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

/// The pieces of a stream, cut at these places.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// All that comes out, a violation at the end.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut socket = WebSocket::new(LIMIT);
    let mut seen = Vec::new();
    for piece in pieces {
        let mut input = piece;
        loop {
            match socket.next(&mut input) {
                Ok(None) => break,
                Ok(Some(incoming)) => {
                    if let Incoming::Text(text) = &incoming {
                        assert!(text.len() <= LIMIT);
                    }
                    let closes = matches!(incoming, Incoming::Close(_));
                    seen.push(format!("{incoming:?}"));
                    if closes {
                        return seen;
                    }
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

/// Which byte, if any, begins the frame that is one too many: straight from RFC 6455.
fn too_many(bytes: &[u8]) -> bool {
    let (mut at, mut fragments) = (0usize, 0);
    while let [first, second, ..] = bytes[at.min(bytes.len())..] {
        let rest = &bytes[at + 2..];
        let (extended, length) = match second & 0x7f {
            126 if rest.len() >= 2 => (2, u128::from(u16::from_be_bytes([rest[0], rest[1]]))),
            127 if rest.len() >= 8 => (8, u128::from(u64::from_be_bytes(rest[..8].try_into().unwrap()))),
            126 | 127 => return false,
            short => (0, u128::from(short)),
        };
        if first & 0x08 == 0 {
            fragments = if first & 0x80 == 0 { fragments + 1 } else { 0 };
            if fragments > MAX_FRAGMENTS {
                return true;
            }
        }
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let next = at as u128 + 2 + extended + mask + length;
        if next > bytes.len() as u128 {
            return false;
        }
        at = next as usize;
    }
    false
}

fn count<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(), TooManyFragments> {
    let mut counter = FragmentCounter::default();
    pieces.into_iter().try_for_each(|piece| counter.feed(piece))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_do_not_depend_on_the_cuts(bytes in stream(), cuts in vec(any::<Index>(), 0..8)) {
        let whole = read([bytes.as_slice()]);
        prop_assert_eq!(read(pieces(&bytes, &cuts)), whole.clone());
        prop_assert_eq!(read(bytes.chunks(1)), whole);
    }

    #[test]
    fn whole_messages_come_out_whole(
        messages in vec((any::<bool>(), "\\PC{0,60}", vec(any::<Index>(), 0..4)), 0..6),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (text, content, fragments) in &messages {
            let kind = if *text { 1 } else { 2 };
            let parts = pieces(content.as_bytes(), fragments);
            for (i, part) in parts.iter().enumerate() {
                let opcode = if i == 0 { kind } else { 0 };
                let last = if i + 1 == parts.len() { 0x80 } else { 0 };
                bytes.extend(frame(last | opcode, true, Form::Shortest, part));
                bytes.extend(frame(0x8a, true, Form::Shortest, b"unasked"));
            }
            expected.push(if *text {
                format!("{:?}", Incoming::Text(content.as_str().into()))
            } else {
                format!("{:?}", Incoming::Binary(content.clone().into_bytes().into()))
            });
        }
        prop_assert_eq!(read(pieces(&bytes, &cuts)), expected);
    }

    #[test]
    fn fragments_of_any_stream(bytes in stream(), cuts in vec(any::<Index>(), 0..8)) {
        prop_assert_eq!(count(pieces(&bytes, &cuts)).is_err(), too_many(&bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fragments_of_long_messages(
        runs in vec((any_frame(), 0usize..20_000), 0..4),
        chunk in 1usize..5000,
    ) {
        let bytes: Vec<u8> = runs
            .iter()
            .filter(|(frame, _)| frame.len() < 16)
            .flat_map(|(frame, times)| frame.repeat(*times))
            .collect();
        prop_assert_eq!(count(bytes.chunks(chunk)).is_err(), too_many(&bytes));
    }
}
