//! Any interleaving of pushes and partial writes: every piece leaves once, whole, and in its place.

use smallvec::smallvec;
use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::hub::run::Policy;

/// Outboxes that share one joiner, as the members of a room do.
const OUTBOXES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// A run of events for all.
    Shared(Vec<u8>),
    Push(usize, u8),
    PushRaw(usize, u8),
    Urgent(usize),
    Pong(usize),
    /// Writes to a stream that takes so many bytes, at most so many at a time, one slice at a time or several.
    Write(usize, u16, u8, bool),
    /// A pass ends.
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0..OUTBOXES;
    let length = prop_oneof![9 => 0u8..20, 1 => any::<u8>()];
    vec(
        prop_oneof![
            4 => vec(length.clone(), 1..4).prop_map(Step::Shared),
            3 => (which.clone(), length.clone()).prop_map(|(which, length)| Step::Push(which, length)),
            1 => (which.clone(), length).prop_map(|(which, length)| Step::PushRaw(which, length)),
            1 => which.clone().prop_map(Step::Urgent),
            1 => which.clone().prop_map(Step::Pong),
            4 => (which.clone(), 0u16..60, 1u8..40, any::<bool>())
                .prop_map(|(which, room, step, vectored)| Step::Write(which, room, step, vectored)),
            2 => which.prop_map(|which| Step::Write(which, u16::MAX, u8::MAX, true)),
            1 => Just(Step::Reset),
        ],
        0..120,
    )
}

/// Takes `room` bytes, at most `step` with one call, then blocks.
struct Pipe {
    got: Vec<u8>,
    room: usize,
    step: usize,
    vectored: bool,
}

impl Pipe {
    fn take(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room).min(self.step);
        self.room -= count;
        self.got.extend_from_slice(&bytes[..count]);
        count
    }

    fn answer(&self, count: usize) -> Poll<io::Result<usize>> {
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }
}

impl Pipe {
    fn send(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let all = if self.vectored { slices.len() } else { 1 };
        let bytes: Vec<u8> = slices[..all].iter().flat_map(|slice| slice.to_vec()).collect();
        let count = self.take(&bytes);
        self.answer(count)
    }
}

/// A piece by a simpler account.
struct Expected {
    bytes: Vec<u8>,
    is_frame: bool,
    /// Urgent, or not to be passed by urgent ones.
    ahead: bool,
    /// The answer to a ping.
    is_pong: bool,
}

/// An outbox, and what it should hold.
struct Pair {
    outbox: Outbox,
    waiting: VecDeque<Expected>,
    begun: usize,
    sent: Vec<u8>,
    expected: Vec<u8>,
}

impl Pair {
    /// Its outbox holds a handshake's response.
    fn new() -> Self {
        let response = Bytes::from_static(b"HTTP/1.1 101");
        let mut outbox = Outbox::default();
        outbox.push_first(response.clone());
        let waiting = [Expected { bytes: response.into(), is_frame: false, ahead: true, is_pong: false }].into();
        Self { outbox, waiting, begun: 0, sent: Vec::new(), expected: Vec::new() }
    }

    fn push(&mut self, frame: &Frame) {
        self.outbox.push(frame.clone());
        self.waiting.push_back(Expected { bytes: frame.wire().to_vec(), is_frame: true, ahead: false, is_pong: false });
    }

    fn push_run(&mut self, run: &Arc<Run>) {
        self.outbox.push_run(run.clone());
        let events = (0..run.items().len()).map(|index| run.event(index).to_vec());
        self.waiting.extend(events.map(|bytes| Expected { bytes, is_frame: true, ahead: false, is_pong: false }));
    }

    fn push_raw(&mut self, bytes: Bytes) {
        self.waiting.push_back(Expected { bytes: bytes.to_vec(), is_frame: false, ahead: false, is_pong: false });
        self.outbox.push_raw(bytes);
    }

    /// Urgent pieces keep their order, behind a handshake's response and behind what has begun to leave.
    fn urgent(&mut self, bytes: Vec<u8>) {
        self.ahead(Expected { bytes, is_frame: true, ahead: true, is_pong: false });
    }

    /// One pong waits at most: a newer one takes the place of one that has not begun to leave.
    fn pong(&mut self, bytes: Vec<u8>) {
        let begun = usize::from(self.begun > 0);
        let known = self.waiting.iter_mut().skip(begun).find(|piece| piece.is_pong);
        match known {
            Some(known) => known.bytes = bytes,
            None => self.ahead(Expected { bytes, is_frame: false, ahead: true, is_pong: true }),
        }
    }

    fn ahead(&mut self, piece: Expected) {
        let ahead = self.waiting.iter().rposition(|piece| piece.ahead).map_or(0, |last| last + 1);
        let place = ahead.max(usize::from(self.begun > 0));
        self.waiting.insert(place, piece);
    }

    fn write(&mut self, joiner: &mut Joiner, room: usize, step: usize, vectored: bool) {
        let mut pipe = Pipe { got: Vec::new(), room, step, vectored };
        let mut tally = Tally::default();
        let written = self.outbox.write(joiner, &mut tally, |slices| pipe.send(slices)).unwrap();
        assert_eq!(tally.bytes, pipe.got.len());
        let mut left = pipe.got.len();
        self.sent.extend(pipe.got);
        while left > 0 {
            let first = &self.waiting.front().expect("no more than was queued").bytes;
            let part = left.min(first.len() - self.begun);
            self.expected.extend(&first[self.begun..self.begun + part]);
            self.begun += part;
            left -= part;
            if self.begun == first.len() {
                self.waiting.pop_front();
                self.begun = 0;
            }
        }
        assert_eq!(written == Written::All, self.waiting.is_empty());
        assert!(written == Written::All || pipe.room == 0, "stopped although there was room");
    }

    fn check(&self) {
        let bytes: usize = self.waiting.iter().map(|piece| piece.bytes.len()).sum();
        assert_eq!(self.outbox.bytes(), bytes - self.begun);
        assert_eq!(self.outbox.is_empty(), self.waiting.is_empty());
        let frames = self.waiting.iter().filter(|piece| piece.is_frame).count();
        assert!((frames..frames + 3).contains(&self.outbox.packets()), "a run that has begun to leave counts whole");
        assert!(self.outbox.cost() >= self.outbox.bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_leave_once_whole_and_in_order(steps in steps()) {
        let mut pairs: Vec<Pair> = (0..OUTBOXES).map(|_| Pair::new()).collect();
        let mut joiner = Joiner::default();
        let mut next = 0u32;
        // Every piece can be told from every other.
        let mut content = |length: u8| {
            next += 1;
            format!("4{next}{}", "x".repeat(length.into()))
        };
        for step in steps {
            match step {
                Step::Shared(lengths) => {
                    let one = |length| Run::one(smallvec![Frame::text(&[&content(length)])], 0, Policy::Close);
                    let runs: Vec<Arc<Run>> = lengths.into_iter().map(one).collect();
                    let run = Run::joined(runs.iter());
                    pairs.iter_mut().for_each(|pair| pair.push_run(&run));
                }
                Step::Push(which, length) => pairs[which].push(&Frame::text(&[&content(length)])),
                Step::PushRaw(which, length) => pairs[which].push_raw(content(length).into()),
                Step::Urgent(which) => {
                    let frame = Frame::text(&["2", &content(0)]);
                    pairs[which].urgent(frame.wire().to_vec());
                    pairs[which].outbox.push_urgent(frame);
                }
                Step::Pong(which) => {
                    let bytes = Bytes::from(content(0));
                    pairs[which].pong(bytes.to_vec());
                    pairs[which].outbox.push_pong(bytes);
                }
                Step::Write(which, room, step, vectored) => {
                    pairs[which].write(&mut joiner, room.into(), step.into(), vectored);
                }
                Step::Reset => joiner.reset(),
            }
            pairs.iter().for_each(Pair::check);
        }
        for pair in &mut pairs {
            pair.write(&mut joiner, usize::MAX, usize::MAX, true);
            pair.check();
            prop_assert_eq!(&pair.sent, &pair.expected);
        }
    }

    #[test]
    fn payloads_hold_every_packet(texts in vec("[^\u{1e}]{0,9}", 0..9), raw: bool) {
        let mut outbox = Outbox::default();
        if raw {
            outbox.push_raw(Bytes::from_static(b"HTTP/1.1 101"));
        }
        let mut later = Outbox::default();
        texts.iter().for_each(|text| later.push(Frame::text(&["4", text])));
        outbox.append(later);
        let payload = String::from_utf8(outbox.take_payload(&mut Tally::default())).unwrap();
        let expected: Vec<String> = texts.iter().map(|text| format!("4{text}")).collect();
        prop_assert_eq!(payload, expected.join("\u{1e}"));
        prop_assert_eq!((outbox.bytes(), outbox.is_empty()), (0, true));
    }
}
