//! One outbox: partial writes, shared writes, urgent packets.

use super::compact::Losses;
use super::*;
use crate::hub::run::{Policy, Stream};
use crate::protocol::deflate::Options;
use crate::protocol::socket::Frames;
use smallvec::smallvec;

/// Takes `room` bytes, then blocks.
struct Sink {
    got: Vec<u8>,
    room: usize,
    calls: usize,
}

impl Sink {
    fn take(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Poll::Pending;
        }
        self.calls += 1;
        self.room -= count;
        self.got.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }
}

fn write(outbox: &mut Outbox, sink: &mut Sink, joiner: &mut Joiner) -> Written {
    outbox.write(joiner, &mut Tally::default(), |slices| sink.take(slices)).unwrap()
}

fn frames() -> Vec<Frame> {
    (0..5).map(|i| Frame::text(&["4", &i.to_string()])).collect()
}

#[test]
fn partial_writes_keep_order_and_count() {
    let wire: Vec<u8> = frames().iter().flat_map(|frame| frame.wire().to_vec()).collect();
    for room in 1..wire.len() {
        let mut outbox = Outbox::default();
        frames().into_iter().for_each(|frame| outbox.push(frame));
        let mut sink = Sink { got: Vec::new(), room, calls: 0 };
        assert_eq!(write(&mut outbox, &mut sink, &mut Joiner::default()), Written::Blocked);
        assert_eq!(outbox.bytes(), wire.len() - room);
        sink.room = usize::MAX;
        assert_eq!(write(&mut outbox, &mut sink, &mut Joiner::default()), Written::All);
        assert_eq!((sink.got, outbox.bytes()), (wire.clone(), 0));
    }
}

#[test]
fn members_in_step_share_one_write() {
    let runs: Vec<Arc<Run>> =
        frames().iter().map(|frame| Run::one(smallvec![frame.clone()], 0, Policy::Close)).collect();
    let mut joiner = Joiner::default();
    let mut written = Vec::new();
    for _ in 0..3 {
        let mut outbox = Outbox::default();
        runs.iter().for_each(|run| outbox.push_run(run.clone()));
        let mut sink = Sink { got: Vec::new(), room: usize::MAX, calls: 0 };
        write(&mut outbox, &mut sink, &mut joiner);
        written.push((sink.got, sink.calls));
    }
    assert_eq!(written[1].1, 1);
    assert_eq!((&written[1], &written[0].0), (&written[2], &written[1].0));
}

#[test]
fn pings_pass_what_waits_but_not_what_has_begun() {
    let mut outbox = Outbox::default();
    outbox.push(Frame::text(&["4a"]));
    outbox.push(Frame::text(&["4b"]));
    let mut sink = Sink { got: Vec::new(), room: 1, calls: 0 };
    write(&mut outbox, &mut sink, &mut Joiner::default());
    outbox.push_urgent(Frame::text(&["2"]));
    assert_eq!(outbox.take_payload(&mut Tally::default()), b"4a\x1e2\x1e4b");
    assert!(outbox.is_empty());
}

#[test]
fn one_pong_waits_at_most() {
    let mut outbox = Outbox::default();
    let mut sink = Sink { got: Vec::new(), room: 1, calls: 0 };
    outbox.push(Frame::text(&["4a"]));
    write(&mut outbox, &mut sink, &mut Joiner::default());
    let before = (outbox.bytes(), outbox.cost());
    for number in 0..100u8 {
        outbox.push_pong(Bytes::copy_from_slice(&[0x8a, 1, number]));
        outbox.push_urgent(Frame::text(&["2"]));
        outbox.push_pong(Bytes::copy_from_slice(&[0x8a, 2, number, number]));
        assert_eq!(outbox.bytes(), before.0 + 4 + 3 * (usize::from(number) + 1));
    }
    sink.room = 100_000;
    write(&mut outbox, &mut sink, &mut Joiner::default());
    assert_eq!((outbox.bytes(), outbox.cost()), (0, 0));
    assert_eq!(sink.got.windows(2).filter(|bytes| bytes == b"\x8a\x02").count(), 1, "the newest");
    // One that has begun to leave stays.
    outbox.push_pong(Bytes::from_static(b"\x8a\x011"));
    (sink.got, sink.room) = (Vec::new(), 1);
    write(&mut outbox, &mut sink, &mut Joiner::default());
    outbox.push_pong(Bytes::from_static(b"\x8a\x012"));
    outbox.push_pong(Bytes::from_static(b"\x8a\x013"));
    sink.room = 100;
    write(&mut outbox, &mut sink, &mut Joiner::default());
    assert_eq!(sink.got, b"\x8a\x011\x8a\x013");
}

const CAP: usize = 2000;

fn event(text: &str, policy: &Policy) -> Arc<Run> {
    Run::one(smallvec![Frame::text(&["42", text])], 1000, policy.clone())
}

fn logs(room: &str) -> Policy {
    let stream = Stream { nsp: "/".into(), event: "logs".into(), room: Some(room.into()), enveloped: false };
    Policy::Gap(Arc::new(stream))
}

/// Pushes as the shard does: what does not fit makes room.
fn push(outbox: &mut Outbox, text: &str, policy: &Policy) -> bool {
    outbox.push_run(event(text, policy));
    outbox.compact(CAP, |at| at as i64).is_ok()
}

fn texts(outbox: &mut Outbox) -> Vec<String> {
    let payload = String::from_utf8(outbox.take_payload(&mut Tally::default())).unwrap();
    payload.split('\u{1e}').map(|packet| packet[2..].to_owned()).collect()
}

#[test]
fn the_newest_of_each_key_stays() {
    let mut outbox = Outbox::default();
    for number in 0..200 {
        let key = format!("k{}", number % 3);
        assert!(push(&mut outbox, &number.to_string(), &Policy::Latest(key.into())));
        assert!(outbox.cost() <= CAP);
    }
    let got: Vec<u32> = texts(&mut outbox).iter().map(|text| text.parse().unwrap()).collect();
    assert!(got.is_sorted(), "{got:?}");
    assert_eq!(got[got.len() - 3..], [197, 198, 199]);
}

#[test]
fn a_gap_is_told_in_its_place_and_grows() {
    let mut outbox = Outbox::default();
    assert!(push(&mut outbox, "first", &Policy::Close));
    for number in 0..300 {
        assert!(push(&mut outbox, &number.to_string(), &logs("a")));
        assert!(outbox.cost() <= CAP);
    }
    let got = texts(&mut outbox);
    assert_eq!(got[0], "first");
    let (mark, rest) = (&got[1], &got[2..]);
    let rest: Vec<u32> = rest.iter().map(|text| text.parse().unwrap()).collect();
    let expected: Vec<u32> = (300 - rest.len() as u32..300).collect();
    assert_eq!(rest, expected, "the newest stay, without a hole");
    let times = "\"from\":\"1970-01-01T00:00:01.000Z\",\"to\":\"1970-01-01T00:00:01.000Z\"";
    assert_eq!(
        *mark,
        format!("[\"gap\",{{\"event\":\"logs\",\"room\":\"a\",\"count\":{},{times}}}]", 300 - rest.len())
    );
}

#[test]
fn each_stream_has_its_gap() {
    let mut outbox = Outbox::default();
    let mut losses = 0;
    for number in 0..100 {
        outbox.push_run(event(&number.to_string(), &logs(["a", "b"][number % 2])));
        losses += outbox.compact(CAP, |at| at as i64).unwrap().gap;
    }
    let got = texts(&mut outbox);
    let marks: Vec<&String> = got.iter().filter(|text| text.starts_with("[\"gap\"")).collect();
    assert_eq!((marks.len(), got.len() - 2 + losses as usize), (2, 100));
}

#[test]
fn what_may_not_go_makes_a_client_too_slow() {
    let mut outbox = Outbox::default();
    let fits = (0..).take_while(|number| push(&mut outbox, &number.to_string(), &Policy::Close)).count();
    assert!(fits > 10 && outbox.packets() == fits + 1, "all of it is still there to be counted");
    let mut outbox = Outbox::default();
    (0..fits).for_each(|number| assert!(push(&mut outbox, &number.to_string(), &Policy::Close)));
    let before = outbox.packets();
    assert!(!push(&mut outbox, "status", &Policy::Latest("k".into())) || outbox.packets() > before, "never silently");
}

#[test]
fn one_event_may_be_larger_than_the_cap() {
    let mut outbox = Outbox::default();
    assert!(push(&mut outbox, &"x".repeat(2 * CAP), &Policy::Close));
    assert!(!push(&mut outbox, "next", &Policy::Close));
}

#[test]
fn what_has_begun_to_leave_is_not_dropped() {
    let mut outbox = Outbox::default();
    let runs: Vec<Arc<Run>> = (0..20).map(|number| event(&number.to_string(), &logs("a"))).collect();
    outbox.push_run(Run::joined(runs.iter()));
    let mut sink = Sink { got: Vec::new(), room: 7, calls: 0 };
    write(&mut outbox, &mut sink, &mut Joiner::default());
    for number in 20..60 {
        assert!(push(&mut outbox, &number.to_string(), &logs("a")));
    }
    sink.room = usize::MAX;
    write(&mut outbox, &mut sink, &mut Joiner::default());
    let mut seen = Vec::new();
    crate::protocol::frame::each(&sink.got, |packet| seen.push(String::from_utf8(packet.payload.to_vec()).unwrap()));
    assert_eq!(seen[..2], ["420", "421"], "the first whole, the second begun");
    assert!(seen[2].starts_with("42[\"gap\""), "{}", seen[2]);
    assert_eq!(seen.last().unwrap(), "4259");
}

#[test]
fn what_has_left_of_a_large_run_does_not_count() {
    let texts: Vec<String> = (0..20).map(|number| format!("{number} {}", "x".repeat(300))).collect();
    let runs: Vec<Arc<Run>> = texts.iter().map(|text| event(text, &Policy::Latest("a".into()))).collect();
    let run = Run::joined(runs.iter());
    // The last event has begun to leave, or one before it.
    for left in [100, 700, 3000] {
        let mut outbox = Outbox::default();
        outbox.push_run(run.clone());
        let mut sink = Sink { got: Vec::new(), room: run.len() - left, calls: 0 };
        write(&mut outbox, &mut sink, &mut Joiner::default());
        assert!(outbox.cost() > CAP && outbox.compact(CAP, |at| at as i64).is_ok(), "{left}");
        sink.room = usize::MAX;
        write(&mut outbox, &mut sink, &mut Joiner::default());
        let end = run.event(19);
        assert_eq!((&sink.got[sink.got.len() - end.len()..], outbox.cost()), (end, 0), "{left}");
    }
}

fn written(outbox: &mut Outbox, out: &mut Vec<u8>) -> Written {
    let send = |slices: &[IoSlice<'_>]| {
        slices.iter().for_each(|slice| out.extend_from_slice(slice));
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    };
    outbox.write(&mut Joiner::default(), &mut Tally::default(), send).unwrap()
}

#[test]
fn what_is_not_deflated_yet_holds_up_what_is_behind() {
    let large = event(&"a".repeat(5000), &Policy::Close);
    let (form, is_new) = large.form(15, &Options::default());
    assert!(is_new && !large.form(15, &Options::default()).1 && large.form(14, &Options::default()).1);
    let mut outbox = Outbox::default();
    outbox.push(Frame::text(&["1"]));
    outbox.push_later(large.clone(), form.clone());
    outbox.push(Frame::text(&["2"]));
    assert_eq!(outbox.packets(), 3);
    let mut out = Vec::new();
    assert_eq!(written(&mut outbox, &mut out), Written::Waits);
    assert_eq!(out, b"\x81\x011");
    // A ping passes it.
    outbox.push_urgent(Frame::text(&["3"]));
    assert_eq!(written(&mut outbox, &mut out), Written::Waits);
    assert_eq!(out, b"\x81\x011\x81\x013");
    let made = form.make(&large).clone();
    assert!(made.len() < 100 && made.bytes()[0] == 0xc1);
    out.clear();
    assert_eq!(written(&mut outbox, &mut out), Written::All);
    assert_eq!(out, [&made.bytes()[..], b"\x81\x012"].concat());
    assert_eq!((outbox.bytes(), outbox.cost(), outbox.is_empty()), (0, 0, true));
}

#[test]
fn forms_are_made_at_once_where_nobody_can_wait() {
    let (a, b) = (event(&"a".repeat(5000), &Policy::Close), event(&"b".repeat(5000), &Policy::Close));
    let mut outbox = Outbox::default();
    for run in [&a, &b] {
        outbox.push_later(run.clone(), run.form(15, &Options::default()).0.clone());
    }
    // Too much as it is, and little when it is deflated.
    assert_eq!(outbox.compact(6000, |_| 0), Ok(Losses::default()));
    assert!(outbox.cost() < 500 && a.form(15, &Options::default()).0.get(&a).is_some());
    let mut out = Vec::new();
    assert_eq!(written(&mut outbox, &mut out), Written::All);
}

#[test]
fn a_form_has_only_large_payloads_deflated() {
    let large = Frame::binary(&[7; 3000]);
    let small = Frame::binary(&[7; 100]);
    let frames: Frames = smallvec![Frame::text(&["452-[]"]), large.clone(), small.clone()];
    let run = Run::one(frames.clone(), 0, Policy::Close);
    let deflated = run.deflated(15, &Options::default()).unwrap();
    assert!(deflated.bytes().starts_with(frames[0].wire()) && deflated.bytes().ends_with(small.wire()));
    assert_eq!((deflated.items().len(), deflated.items()[0].end()), (1, deflated.len()));
    assert!(deflated.len() < 200 && deflated.bytes()[frames[0].len()] == 0xc2);
    // Not what is not to be compressed, nor what does not become smaller.
    let plain = Run::of(smallvec![large], 0, Policy::Close, true);
    assert!(plain.deflated(15, &Options::default()).is_none() && !plain.is_deflatable(&Options::default()));
    assert!(Run::one(smallvec![small], 0, Policy::Close).deflated(15, &Options::default()).is_none());
}
