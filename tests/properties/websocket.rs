//! WebSocket input: whatever the bytes and however they are cut, nothing panics and the messages are the same.

use nself_realtime::protocol::deflate::{self, Agreed};
use nself_realtime::protocol::frame::{FragmentCounter, TooManyFragments, close};
use nself_realtime::session::websocket::{Incoming, Violation, ViolationKind, WebSocket};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const LIMIT: usize = 300;
const MAX_FRAGMENTS: u32 = 16 * 1024;

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
        2 => prop::sample::select(vec![0xc1u8, 0xc2, 0x41, 0x42, 0x40, 0xc0, 0xc9]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let form = prop_oneof![8 => Just(Form::Shortest), 1 => Just(Form::Two), 1 => Just(Form::Eight)];
    let payload = prop_oneof![
        4 => vec(any::<u8>(), 0..6),
        4 => "\\PC{0,20}".prop_map(String::into_bytes),
        2 => (0usize..400).prop_map(|length| deflated(&vec![b'a'; length])),
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

/// As a client deflates it, smaller or not.
fn deflated(data: &[u8]) -> Vec<u8> {
    deflate::deflate(data, 15, 6).unwrap_or_else(|| {
        // One block that is not compressed, and the begin of an empty one.
        let length = data.len() as u16;
        [&[0u8][..], &length.to_le_bytes(), &(!length).to_le_bytes(), data, &[0]].concat()
    })
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
    read_with(WebSocket::new(LIMIT, MAX_FRAGMENTS), pieces)
}

/// The same of a client that may deflate its messages.
fn inflate<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let agreed = Agreed { window: 15, client_context: false };
    read_with(WebSocket::deflating(LIMIT, MAX_FRAGMENTS, agreed), pieces)
}

fn read_with<'a>(mut socket: WebSocket, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
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

/// Where the header ends, if it comes, of the frame that is one too many: straight from RFC 6455.
fn one_too_many(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut fragments) = (0usize, 0);
    loop {
        let [first, second, rest @ ..] = &bytes[at..] else { return None };
        let (extended, length) = match second & 0x7f {
            126 => (2, u128::from(u16::from_be_bytes(*rest.first_chunk()?))),
            127 => (8, u128::from(u64::from_be_bytes(*rest.first_chunk()?))),
            short => (0, u128::from(short)),
        };
        if first & 0x08 == 0 {
            fragments = if first & 0x80 == 0 { fragments + 1 } else { 0 };
            if fragments > MAX_FRAGMENTS {
                return Some(at + 2 + extended);
            }
        }
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let next = (at + 2 + extended + mask) as u128 + length;
        at = usize::try_from(next).ok().filter(|next| *next <= bytes.len())?;
    }
}

/// The piece at which the counter has enough.
fn stopped<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<usize> {
    let mut counter = FragmentCounter::new(MAX_FRAGMENTS);
    pieces.into_iter().position(|piece| counter.feed(piece) == Err(TooManyFragments))
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
    fn compressed_or_not_messages_do_not_depend_on_the_cuts(bytes in stream(), cuts in vec(any::<Index>(), 0..8)) {
        let whole = inflate([bytes.as_slice()]);
        prop_assert_eq!(inflate(pieces(&bytes, &cuts)), whole.clone());
        prop_assert_eq!(inflate(bytes.chunks(1)), whole.clone());
        if !has_reserved_bits(&bytes) {
            prop_assert_eq!(read([bytes.as_slice()]), whole);
        }
    }

    #[test]
    fn compressed_messages_come_out_whole_and_in_order(
        messages in vec((any::<bool>(), any::<bool>(), "\\PC{0,60}", vec(any::<Index>(), 0..4)), 0..6),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (text, compressed, content, fragments) in &messages {
            let kind = if *text { 1 } else { 2 } | if *compressed { 0x40 } else { 0 };
            let payload = if *compressed { deflated(content.as_bytes()) } else { content.clone().into_bytes() };
            let parts = pieces(&payload, fragments);
            for (i, part) in parts.iter().enumerate() {
                let opcode = if i == 0 { kind } else { 0 };
                let last = if i + 1 == parts.len() { 0x80 } else { 0 };
                bytes.extend(frame(last | opcode, true, Form::Shortest, part));
                bytes.extend(frame(0x89, true, Form::Shortest, &[i as u8]));
                expected.push(format!("{:?}", Incoming::Ping(vec![0x8a, 1, i as u8].into())));
            }
            // The ping behind the last fragment comes behind the message.
            let message = if *text {
                Incoming::Text(content.as_str().into())
            } else {
                Incoming::Binary(content.clone().into_bytes().into())
            };
            expected.insert(expected.len() - 1, format!("{message:?}"));
        }
        prop_assert_eq!(inflate(pieces(&bytes, &cuts)), expected.clone());
        prop_assert_eq!(inflate(bytes.chunks(1)), expected);
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
    fn the_fragments_of_a_message_count_together(sizes in vec(0..=LIMIT / 2, 1..6), cut in 1usize..200) {
        let (last, total) = (sizes.len() - 1, sizes.iter().sum::<usize>());
        let bytes: Vec<u8> = sizes
            .iter()
            .enumerate()
            .flat_map(|(i, size)| {
                let first = if i == 0 { 1 } else { 0 } | if i == last { 0x80 } else { 0 };
                frame(first, true, Form::Shortest, &vec![b'a'; *size])
            })
            .collect();
        let seen = read(bytes.chunks(cut));
        if total <= LIMIT {
            prop_assert_eq!(seen, [format!("{:?}", Incoming::Text("a".repeat(total).into()))]);
        } else {
            // How large it is shows when a frame's header is read: beyond the limit, and never more than all of it.
            let sizes = LIMIT + 1..=total;
            let violation = |size| Violation { close: close(Some(1009), ""), kind: ViolationKind::Size(size) };
            prop_assert!(sizes.into_iter().any(|size| seen == [format!("{:?}", violation(size))]), "{:?}", seen);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fragments_are_counted(runs in vec((small_frame(), times()), 1..5), chunk in 1usize..5000) {
        let bytes: Vec<u8> = runs.iter().flat_map(|(frame, times)| frame.repeat(*times)).collect();
        let expected = one_too_many(&bytes).map(|end| (end - 1) / chunk);
        prop_assert_eq!(stopped(bytes.chunks(chunk)), expected);
    }
}

/// Whether some first byte of a frame says more than RFC 6455 alone allows, or may.
fn has_reserved_bits(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte & 0x70 != 0 && byte & 0x0f < 3)
}

/// What is against the protocol ends the connection with its code.
#[test]
fn odd_compressed_frames_are_violations() {
    let hello = deflated(b"HelloHelloHello");
    let code = |frames: &[(u8, &[u8])]| {
        let bytes: Vec<u8> =
            frames.iter().flat_map(|(first, data)| frame(*first, true, Form::Shortest, data)).collect();
        let seen = inflate(bytes.chunks(1));
        assert_eq!(inflate([bytes.as_slice()]), seen);
        seen.last().cloned().unwrap_or_default()
    };
    let closes = |code, kind| format!("{:?}", Violation { close: close(Some(code), ""), kind });
    let protocol = closes(1002, ViolationKind::Protocol);
    // On a continuation, on a control frame, within another message, with other reserved bits, on a reserved opcode.
    assert_eq!(code(&[(0x41, &hello[..4]), (0xc0, &hello[4..])]), protocol);
    assert_eq!(code(&[(0x01, b"a"), (0xc0, &hello)]), protocol);
    assert_eq!(code(&[(0xc9, b"")]), protocol);
    assert_eq!(code(&[(0x41, &hello[..4]), (0xc1, &hello)]), protocol);
    assert_eq!(code(&[(0x41, &hello[..4]), (0x81, b"a")]), protocol);
    assert_eq!(code(&[(0x01, b"a"), (0xc1, &hello)]), protocol);
    assert_eq!(code(&[(0xe1, &hello)]), protocol);
    assert_eq!(code(&[(0xd1, &hello)]), protocol);
    assert_eq!(code(&[(0xc3, &hello)]), protocol);
    assert_eq!(code(&[(0xc0, &hello)]), protocol);
    // Without a mask; no deflated data; no text; too much of it, on the wire or inflated.
    assert_eq!(inflate([frame(0xc1, false, Form::Shortest, &hello).as_slice()]), [protocol]);
    assert_eq!(code(&[(0xc2, &[7, 7, 7])]), closes(1007, ViolationKind::Protocol));
    assert_eq!(code(&[(0xc1, &deflated(&[0xff; 50]))]), closes(1007, ViolationKind::Protocol));
    assert_eq!(code(&[(0xc1, &deflated(&[b'a'; LIMIT + 1]))]), closes(1009, ViolationKind::Size(LIMIT + 1)));
    assert_eq!(code(&[(0x42, &[0; LIMIT]), (0x80, &[0])]), closes(1009, ViolationKind::Size(LIMIT + 1)));
    // A control frame may come in between, and what is not compressed may come behind.
    assert_eq!(
        code(&[(0x41, &hello[..4]), (0x8a, b""), (0x80, &hello[4..])]),
        format!("{:?}", Incoming::Text("HelloHelloHello".into()))
    );
    assert_eq!(code(&[(0xc1, &hello), (0x82, b"b")]), format!("{:?}", Incoming::Binary(vec![b'b'].into())));
    // Nobody has agreed on it.
    assert_eq!(read([frame(0xc1, true, Form::Shortest, &hello).as_slice()]), [closes(1002, ViolationKind::Protocol)]);
}

/// Mostly a part of a longer message.
fn small_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![0x00u8, 0x00, 0x01, 0x02, 0x80, 0x89]);
    let form = prop_oneof![4 => Just(Form::Shortest), 1 => Just(Form::Two), 1 => Just(Form::Eight)];
    (first, prop::bool::weighted(0.8), form, vec(any::<u8>(), 0..5))
        .prop_map(|(first, masked, form, payload)| frame(first, masked, form, &payload))
}

/// A few, or nearly as many as may be.
fn times() -> impl Strategy<Value = usize> {
    let most = MAX_FRAGMENTS as usize;
    prop_oneof![0usize..10, most - 5..most + 5]
}
