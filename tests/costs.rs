//! What something costs must not depend on what it has nothing to do with, nor grow faster than what is asked: whole shards,
//! measured against themselves in processor time. What is told apart here is ten times as much and more, so a busy machine does not matter.

#[path = "support/shard.rs"]
mod shard;

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use nself_realtime::config::{Batch, Config, Presence, Recovery};
use nself_realtime::events::Keep;
use nself_realtime::hub::core::link::LinkId;
use nself_realtime::hub::emit::Outgoing;
use nself_realtime::hub::message::{Change, Selection};
use nself_realtime::hub::seeded::Seeded;
use rustc_hash::FxBuildHasher;
use shard::Shard;

const RECOVERY: Recovery = Recovery { max_disconnection_duration: 600_000, skip_middlewares: false };

fn with_recovery() -> Shard {
    Shard::new(Config { recovery: Some(RECOVERY), ..Config::default() })
}

/// How long something takes, at best of three times: others use the machine, too.
fn cost(mut run: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| run()).min().expect("it ran")
}

/// How much of a processor this thread has had: what else runs on the machine does not count.
fn used() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().expect("it goes forward")
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = used();
    run();
    used() - start
}

/// A client on a WebSocket that is in; what CONNECT carried is `auth`.
fn come(shard: &mut Shard, auth: &str) -> LinkId {
    let link = shard.open(false).expect("there is no limit");
    shard.say(link, format!("40{auth}").as_bytes());
    link
}

/// So many room names that have one hash with `rustc-hash`, which is not keyed. It takes a text in pieces of 16 bytes and
/// multiplies two halves in the end: one that is 0 swallows the other.
fn names_that_collide(count: usize) -> Vec<Arc<str>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
    // Of rustc-hash.
    const SEED: u64 = 0x243f_6a88_85a3_08d3;
    const AGAINST_ZEROS: u64 = 0xa409_3822_299f_31d0;
    let (first, end) = (0..u64::MAX)
        .find_map(|number| {
            let first = format!("{number:016}");
            let half = |at: usize| u64::from_le_bytes(first.as_bytes()[at..at + 8].try_into().unwrap());
            let product = u128::from(SEED ^ half(0)) * u128::from(AGAINST_ZEROS ^ half(8));
            let end = (product as u64 ^ (product >> 64) as u64).to_le_bytes();
            end.iter().all(|byte| LETTERS.contains(byte)).then_some((first, end))
        })
        .expect("one in 50,000 will do");
    let end = std::str::from_utf8(&end).unwrap();
    (0..count).map(|number| format!("{first}{number:08}{end}").into()).collect()
}

fn ordinary_names(count: usize) -> Vec<Arc<str>> {
    (0..count).map(|number| format!("{number:032}").into()).collect()
}

#[test]
fn whoever_chooses_names_cannot_choose_their_hash() {
    let names = names_that_collide(20_000);
    assert!(names.iter().all(|name| nself_realtime::events::check_room(name).is_ok()));
    let hash = FxBuildHasher.hash_one(&names[0]);
    assert!(names.iter().all(|name| FxBuildHasher.hash_one(name) == hash), "these names say nothing any more");
    let mut buckets: HashMap<u64, usize> = HashMap::new();
    for name in &names {
        *buckets.entry(Seeded.hash_one(name) % 32_768).or_default() += 1;
    }
    // 20,000 in 32,768 at random: more than 15 in one of them are less likely than one in a million million.
    let most = buckets.into_values().max().unwrap();
    assert!(most <= 15, "{most} names in one bucket");
}

/// Into all of them, an event to each by every way that keeps names, and out again.
fn use_rooms(names: &[Arc<str>]) -> Duration {
    let presence = Presence { grace: 500, ..Config::default().presence };
    let batch = Batch { max_events: 10, window: 100 };
    let nself =
        Config { nself: true, recovery: Some(RECOVERY), max_outbox: 40_000, presence, batch, ..Config::default() };
    let mut shard = Shard::new(nself);
    shard.server.attendance.watch();
    come(&mut shard, "");
    shard.work();
    // It reads nothing: what waits is gone through time and again.
    shard.room = 0;
    timed(|| {
        for names in names.chunks(100) {
            shard.change("/", &Selection::default(), &Change::Join(names.to_vec()));
            shard.work();
            for name in names {
                for keep in [Keep::Latest(String::new()), Keep::Gap] {
                    let (to, keep) = (Selection::room(name.clone()), Some(keep));
                    let batch = keep == Some(Keep::Gap);
                    shard.emit(Outgoing { nsp: "/", to, batch, keep, text: "[\"e\",1]", ..Outgoing::default() });
                }
            }
            shard.work();
        }
        shard.change("/", &Selection::default(), &Change::LeaveAll);
        shard.work();
        shard.micros += 5_000_000;
        shard.work();
    })
}

#[test]
fn names_that_were_chosen_to_collide_cost_what_others_do() {
    const NAMES: usize = 20_000;
    let (chosen, ordinary) = (names_that_collide(NAMES), ordinary_names(NAMES));
    let usual = cost(|| use_rooms(&ordinary));
    let attacked = cost(|| use_rooms(&chosen));
    assert!(attacked < 4 * usual, "{attacked:?} instead of {usual:?}");
}

/// Cuts so many clients off, who are in rooms and could come back.
fn cut_off(clients: usize) -> Duration {
    let mut shard = with_recovery();
    let links: Vec<LinkId> = (0..clients).map(|_| come(&mut shard, "")).collect();
    shard.work();
    for room in ["a", "b", "c"] {
        shard.change("/", &Selection::default(), &Change::Join(vec![room.into()]));
    }
    shard.work();
    timed(|| {
        links.into_iter().for_each(|link| shard.lose(link));
        shard.work();
    })
}

#[test]
fn cutting_clients_off_costs_in_proportion_to_how_many_they_are() {
    let few = cost(|| cut_off(1250));
    let many = cost(|| cut_off(10_000));
    // In proportion it is 8 times as much, and 64 times if each looks at all others.
    assert!(many < 24 * few, "1250 clients: {few:?}, 8 times as many: {many:?}");
}

/// So many clients come back, of whom each missed 10 events, while so many of others are remembered.
fn come_back(remembered: usize) -> Duration {
    const CLIENTS: usize = 200;
    let mut shard = with_recovery();
    shard.heard = Some(BTreeMap::new());
    let links: Vec<LinkId> = (0..CLIENTS).map(|_| come(&mut shard, "")).collect();
    shard.work();
    shard.change("/", &Selection::default(), &Change::Join(vec!["ours".into()]));
    let emit = |shard: &mut Shard, room: &str, count: usize| {
        for _ in 0..count {
            let to = Selection::room(room.into());
            shard.emit(Outgoing { nsp: "/", to, text: "[\"e\",1]", ..Outgoing::default() });
        }
        shard.work();
    };
    emit(&mut shard, "ours", 1);
    let auths: Vec<String> = links
        .into_iter()
        .map(|link| {
            let (pid, mark) = shard.told(link);
            shard.lose(link);
            let (pid, mark) = (pid.expect("it is in"), mark.expect("it has an event"));
            format!("{{\"pid\":\"{pid}\",\"offset\":\"{mark}\"}}")
        })
        .collect();
    emit(&mut shard, "others", remembered);
    emit(&mut shard, "ours", 10);
    emit(&mut shard, "others", remembered);
    let mut back = Vec::new();
    let spent = timed(|| {
        for auth in &auths {
            back.push(come(&mut shard, auth));
            shard.work();
        }
    });
    for (link, auth) in back.into_iter().zip(&auths) {
        let heard = shard.heard.as_mut().and_then(|heard| heard.remove(&link)).unwrap_or_default();
        let heard = String::from_utf8_lossy(&heard);
        assert_eq!(heard.matches("[\"e\",1").count(), 10, "what it missed: {heard}");
        let pid = auth.split('"').nth(3).unwrap();
        assert!(heard.contains(pid), "it was not taken up again: {heard}");
    }
    spent
}

#[test]
fn a_return_costs_what_was_missed_and_not_what_is_remembered() {
    let little = cost(|| come_back(100));
    let much = cost(|| come_back(20_000));
    assert!(much < 8 * little, "with 200 events of others: {little:?}, with 40,000: {much:?}");
}
