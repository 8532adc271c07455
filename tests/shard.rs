//! Delivery through real sockets: rooms, order, batches, slow clients, heartbeats. Without Node.

#[path = "support/harness.rs"]
mod harness;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use harness::{Client, Harness, PATIENCE, Polling, all, event, response, rooms_of};
use nself_realtime::config::{Access, Batch, Config};
use nself_realtime::hub::command::{Command, Input};
use nself_realtime::hub::server::{Event, Outgoing};
use nself_realtime::hub::{self, Change, Identity, Selection, To};

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn rooms_select_and_nobody_gets_an_event_twice() {
    let harness = Harness::open(Config::default());
    let (mut a, mut b, mut c) = (harness.connect(), harness.connect(), harness.connect());
    harness.join(&a, &["red"]);
    harness.join(&b, &["red", "blue"]);
    harness.emit(rooms_of(&["red"]), 1);
    harness.emit(rooms_of(&["red", "blue", &b.id]), 2);
    harness.emit(all(), 3);
    harness.emit(Selection { except: ["blue".into()].into(), ..rooms_of(&["red"]) }, 4);
    harness.emit(Selection { except: ["red".into()].into(), ..all() }, 5);
    harness.emit(rooms_of(&[&c.id]), 6);
    harness.emit(rooms_of(&["nobody"]), 7);
    harness.server.change_all("/", &rooms_of(&[&a.id]), &Change::Leave(vec!["red".into()]));
    harness.emit(rooms_of(&["red"]), 8);
    harness.begin_close(PATIENCE);
    assert_eq!(a.rest(), ["1", "2", "3", "4"]);
    assert_eq!(b.rest(), ["1", "2", "3", "8"]);
    assert_eq!(c.rest(), ["3", "5", "6"]);
}

#[test]
fn who_leaves_is_in_no_room_any_more() {
    let harness = Harness::open(Config::default());
    let (mut a, mut b) = (harness.connect(), harness.connect());
    harness.join(&a, &["red"]);
    harness.join(&b, &["red"]);
    harness.emit(rooms_of(&["red"]), 1);
    assert_eq!((a.event(), b.event()), (Some("1".into()), Some("1".into())));
    a.send("41");
    a.send("40");
    assert!(a.receive().unwrap().starts_with("40{"), "joined again, as a new socket");
    harness.emit(rooms_of(&["red"]), 2);
    harness.emit(all(), 3);
    assert_eq!(a.event().as_deref(), Some("3"));
    assert_eq!(b.events(2), ["2", "3"]);
    assert_eq!(harness.server.room_members("/", "red").unwrap(), [b.id.clone()]);
}

#[test]
fn each_emitters_events_keep_their_order() {
    const EMITTERS: usize = 4;
    const EVENTS: usize = 200;
    let harness = Harness::open(Config::default());
    let mut clients: Vec<Client> = (0..10).map(|_| harness.connect()).collect();
    std::thread::scope(|scope| {
        for emitter in 0..EMITTERS {
            let server = &harness.server;
            scope.spawn(move || {
                for number in 0..EVENTS {
                    let text = format!("[\"event\",{}]", emitter * 1000 + number);
                    assert!(server.emit(Outgoing { batch: number % 3 == 0, ..event(&text) }));
                }
            });
        }
    });
    harness.begin_close(PATIENCE);
    for client in &mut clients {
        let got: Vec<usize> = client.rest().iter().map(|number| number.parse().unwrap()).collect();
        assert_eq!(got.len(), EMITTERS * EVENTS);
        for emitter in 0..EMITTERS {
            let own: Vec<usize> = got.iter().copied().filter(|number| number / 1000 == emitter).collect();
            let expected: Vec<usize> = (0..EVENTS).map(|number| emitter * 1000 + number).collect();
            assert_eq!(own, expected);
        }
    }
}

#[test]
fn large_fan_out_keeps_order() {
    const CLIENTS: usize = 200;
    const EVENTS: usize = 100;
    let harness = Harness::open(Config::default());
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| harness.connect()).collect();
    clients.iter().for_each(|client| harness.join(client, &["all"]));
    (0..EVENTS).for_each(|number| harness.emit(rooms_of(&["all"]), number));
    for client in &mut clients {
        assert_eq!(client.events(EVENTS), numbers(0..EVENTS));
    }
    assert_eq!(harness.server.stats(false).unwrap().deliveries, (CLIENTS * EVENTS) as u64);
}

mod batches {
    use super::*;

    fn open(max_events: u32, window: u64) -> Harness {
        Harness::open(Config { batch: Batch { max_events, window }, ..Config::default() })
    }

    /// Longer than a test's patience: what leaves does not leave because it is over.
    const NEVER: u64 = 600_000;

    #[test]
    fn the_first_leaves_at_once_and_a_full_batch_before_its_window_ends() {
        let harness = open(10, NEVER);
        let mut client = harness.connect();
        harness.batch(all(), 0);
        assert_eq!(client.event().as_deref(), Some("0"));
        (1..11).for_each(|number| harness.batch(all(), number));
        assert_eq!(client.events(10), numbers(1..11));
    }

    #[test]
    fn a_direct_event_takes_along_what_waits_before_it() {
        let harness = open(100, NEVER);
        let mut client = harness.connect();
        harness.join(&client, &["logs"]);
        for round in 0..3 {
            let first = round * 10;
            (first..first + 9).for_each(|number| harness.batch(rooms_of(&["logs"]), number));
            harness.emit(all(), first + 9);
            assert_eq!(client.events(10), numbers(first..first + 10));
        }
    }

    #[test]
    fn those_that_follow_wait_for_the_window() {
        const WINDOW: u64 = 300;
        let harness = open(100, WINDOW);
        let mut client = harness.connect();
        let start = Instant::now();
        harness.batch(all(), 0);
        assert_eq!(client.event().as_deref(), Some("0"));
        (1..10).for_each(|number| harness.batch(all(), number));
        assert_eq!(client.events(9), numbers(1..10));
        // The shard's clock has whole milliseconds.
        assert!(start.elapsed() >= Duration::from_millis(WINDOW - 2), "{:?}", start.elapsed());
    }

    #[test]
    fn rooms_have_windows_of_their_own() {
        let harness = open(3, NEVER);
        let (mut a, mut b) = (harness.connect(), harness.connect());
        harness.join(&a, &["a"]);
        harness.join(&b, &["b"]);
        for (number, room) in ["a", "b", "a", "a", "b", "a"].iter().enumerate() {
            harness.batch(rooms_of(&[room]), number);
        }
        assert_eq!(a.events(4), ["0", "2", "3", "5"], "three have gathered in a");
        assert_eq!(b.event().as_deref(), Some("1"));
        harness.emit(all(), 6);
        assert_eq!(b.events(2), ["4", "6"], "one was waiting in b");
    }

    #[test]
    fn a_closing_server_sends_what_waits() {
        let harness = open(100, NEVER);
        let mut client = harness.connect();
        (0..5).for_each(|number| harness.batch(all(), number));
        harness.begin_close(PATIENCE);
        assert_eq!(client.rest(), numbers(0..5));
    }

    #[test]
    fn a_poll_gets_what_waits_when_the_window_ends() {
        let harness = open(100, 100);
        let polling = Polling::connect(harness.port);
        (0..3).for_each(|number| harness.batch(all(), number));
        let packet = |number| format!("42[\"event\",{number}]");
        let mut got = Vec::new();
        while got.len() < 3 {
            let (status, body) = polling.request("GET", "");
            assert_eq!(status, 200);
            got.extend(body.split('\x1e').map(str::to_owned));
        }
        assert_eq!(got, [packet(0), packet(1), packet(2)]);
    }
}

mod slow_clients {
    use super::*;

    #[test]
    fn are_closed_at_max_outbox_and_disturb_nobody() {
        const SIZE: usize = 64 * 1024;
        let harness = Harness::open(Config { max_outbox: 2 * SIZE, ..Config::default() });
        harness.server.declare("/", true, false);
        let (mut good, mut slow) = (harness.connect(), harness.connect());
        for _ in 0..2 {
            assert!(harness.event().starts_with("connect"));
        }
        let content = format!("\"{}\"", "x".repeat(SIZE));
        let mut sent = 0;
        while harness.server.stats(false).unwrap().slow_clients == 0 {
            assert!(sent < 2000, "the kernel buffers are larger than 128 MB");
            harness.emit(all(), &content);
            sent += 1;
            assert_eq!(good.event().as_ref(), Some(&content));
        }
        assert!(harness.event().starts_with("disconnect {\"reason\":\"slow client\""));
        harness.emit(all(), "\"after\"");
        assert_eq!(good.event().as_deref(), Some("\"after\""));
        let got = slow.rest();
        assert!(got.len() < sent && got.iter().all(|event| *event == content));
        assert_eq!(harness.server.stats(false).unwrap().slow_clients, 1);
    }

    #[test]
    fn one_event_may_be_larger_than_the_outbox() {
        let harness = Harness::open(Config { max_outbox: 1024, ..Config::default() });
        let mut client = harness.connect();
        let content = format!("\"{}\"", "x".repeat(3_000_000));
        for _ in 0..3 {
            harness.emit(all(), &content);
            assert!(client.event() == Some(content.clone()));
        }
    }

    #[test]
    fn a_poller_that_does_not_poll_is_slow_too() {
        let harness = Harness::open(Config { max_outbox: 4096, ..Config::default() });
        let polling = Polling::connect(harness.port);
        let mut good = harness.connect();
        for number in 0..400 {
            harness.emit(all(), number);
            assert_eq!(good.event(), Some(number.to_string()));
        }
        assert_eq!(harness.server.stats(false).unwrap().slow_clients, 1);
        assert_eq!(polling.request("GET", "").0, 400, "its session is gone");
    }

    #[test]
    fn their_close_is_answered_whole() {
        let harness = Harness::open(Config { max_outbox: 64 << 20, ..Config::default() });
        let mut client = harness.connect();
        let content = format!("\"{}\"", "x".repeat(1 << 20));
        // More than the kernel takes: a frame is under way when the client closes.
        (0..32).for_each(|_| harness.emit(all(), &content));
        client.socket.close(None).unwrap();
        let answer = loop {
            match client.socket.read() {
                Ok(message) if message.is_close() => break Ok(()),
                Ok(message) => assert_eq!(message.len(), content.len() + "42[\"event\",]".len()),
                Err(tokio_tungstenite::tungstenite::Error::ConnectionClosed) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert!(answer.is_ok(), "{answer:?}");
    }
}

mod heartbeats {
    use super::*;

    #[test]
    fn come_and_end_a_silent_client() {
        let (interval, timeout) = (150, 250);
        let harness = Harness::open(Config { ping_interval: interval, ping_timeout: timeout, ..Config::default() });
        harness.server.declare("/", true, false);
        let mut client = harness.connect();
        assert!(harness.event().starts_with("connect"));
        let mut since = Instant::now();
        for _ in 0..3 {
            assert_eq!(client.receive().as_deref(), Some("2"));
            client.send("3");
            since = Instant::now();
        }
        assert_eq!(client.receive().as_deref(), Some("2"));
        assert!(since.elapsed() >= Duration::from_millis(interval - 2), "{:?}", since.elapsed());
        assert_eq!(client.receive(), None);
        assert!(since.elapsed() >= Duration::from_millis(interval + timeout - 2), "{:?}", since.elapsed());
        assert!(harness.event().starts_with("disconnect {\"reason\":\"ping timeout\""));
    }

    #[test]
    fn pass_a_long_queue() {
        let config = Config { ping_interval: 300, ping_timeout: 60_000, max_outbox: 256 << 20, ..Config::default() };
        let harness = Harness::open(config);
        let mut behind = harness.connect();
        let content = format!("\"{}\"", "x".repeat(1 << 20));
        // More than the kernel takes.
        (0..32).for_each(|_| harness.emit(rooms_of(&[&behind.id]), &content));
        // Who came later is pinged later: by then the first one's ping is queued.
        let mut later = harness.connect();
        assert_eq!(later.receive().as_deref(), Some("2"));
        let packets: Vec<bool> = (0..33).map(|_| behind.receive().unwrap() == "2").collect();
        let ping = packets.iter().position(|is_ping| *is_ping).expect("a ping among them");
        assert!(ping < 31, "it was the {ping}. of 33");
    }

    #[test]
    fn come_over_polling() {
        let harness = Harness::open(Config { ping_interval: 100, ping_timeout: 600, ..Config::default() });
        let polling = Polling::connect(harness.port);
        assert_eq!(polling.request("GET", ""), (200, "2".into()));
        assert_eq!(polling.request("POST", "3"), (200, "ok".into()));
        assert_eq!(polling.request("GET", ""), (200, "2".into()));
        let pending = polling.begin("GET", "");
        assert_eq!(response(pending), Some((200, "1".into())), "the session has timed out");
        assert_eq!(polling.request("GET", "").0, 400);
    }
}

#[test]
fn answers_come_while_threads_emit_without_a_pause() {
    let harness = Harness::open(Config { max_outbox: 1 << 30, ..Config::default() });
    let readers: Vec<_> = (0..24).map(|_| harness.connect()).collect();
    let room = rooms_of(&readers.iter().map(|reader| reader.id.as_str()).collect::<Vec<_>>());
    let mut asker = harness.connect();
    let server = harness.server.clone();
    let emit = || assert!(server.emit(Outgoing { to: room.clone(), ..event("[\"event\",0]") }));
    let (is_over, asked) = (AtomicBool::new(false), AtomicBool::new(false));
    let answered = std::thread::scope(|scope| {
        for mut reader in readers {
            let is_over = &is_over;
            scope.spawn(move || while !is_over.load(Relaxed) && reader.receive().is_some() {});
        }
        for _ in 0..3 {
            scope.spawn(|| {
                let began = Instant::now();
                while !asked.load(Relaxed) && began.elapsed() < Duration::from_secs(5) {
                    emit();
                }
                is_over.store(true, Relaxed);
                // For those that wait for one more.
                emit();
            });
        }
        // Much waits by now.
        std::thread::sleep(Duration::from_secs(1));
        let mut answered = 0;
        while answered < 20 && !is_over.load(Relaxed) {
            asker.send("40/nowhere,");
            assert!(asker.receive().unwrap().starts_with("44/nowhere,"));
            answered += 1;
        }
        asked.store(true, Relaxed);
        answered
    });
    assert_eq!(answered, 20, "before the emitter ended");
}

/// A client that JavaScript knows as this user.
fn identified(harness: &Harness, user: &str) -> Client {
    let mut client = Client::open(harness.port);
    client.send("40");
    let socket = loop {
        if let Event::Connecting(arrival) = harness.events.recv_timeout(PATIENCE).expect("a question") {
            break arrival.socket;
        }
    };
    let identity = Identity { user: Some(user.into()), ..Identity::default() };
    harness.server.tell_socket(socket, Input::Accept { socket, identity });
    let reply = client.receive().expect("an answer to CONNECT");
    let reply: serde_json::Value = serde_json::from_str(reply.strip_prefix("40").expect("CONNECT")).unwrap();
    client.id = reply["sid"].as_str().expect("a socket id").to_owned();
    client
}

#[test]
fn a_users_events_reach_its_sockets_in_order_and_nobody_else() {
    let access = Access { authenticate: true, ..Access::default() };
    let harness = Harness::open(Config { access, ..Config::default() });
    let (mut ann, mut also_ann, mut bob) =
        (identified(&harness, "ann"), identified(&harness, "ann"), identified(&harness, "bob"));
    harness.join(&also_ann, &["red"]);
    harness.join(&bob, &["red", "ann"]);
    let of = |user: &str| Selection::user(user.into());
    harness.emit(of("ann"), 1);
    harness.emit(all(), 2);
    harness.batch(of("ann"), 3);
    harness.batch(of("ann"), 4);
    harness.emit(Selection { rooms: ["red".into()].into(), ..of("ann") }, 5);
    harness.emit(Selection { except: ["red".into()].into(), ..of("ann") }, 6);
    harness.emit(rooms_of(&["red"]), 7);
    harness.emit(of("an"), 8);
    harness.emit(of("bob"), 9);
    harness.server.change_all("/", &of("ann"), &Change::Join(vec!["blue".into()]));
    harness.emit(rooms_of(&["blue"]), 10);
    harness.begin_close(PATIENCE);
    assert_eq!(ann.rest(), ["1", "2", "3", "4", "6", "10"]);
    assert_eq!(also_ann.rest(), ["1", "2", "3", "4", "5", "7", "10"]);
    assert_eq!(bob.rest(), ["2", "7", "9"]);
}

#[test]
fn an_event_for_a_user_asks_nobody_and_waits_for_nobody() {
    let access = Access { authenticate: true, ..Access::default() };
    let harness = Harness::open(Config { nself: true, access, ..Config::default() });
    let mut ann = identified(&harness, "ann");
    let (go, stop) = std::sync::mpsc::channel::<()>();
    let stop = std::sync::Arc::new(std::sync::Mutex::new(stop));
    for shard in 0..harness.server.shards() {
        let stop = stop.clone();
        // Until the test says so, the shard does nothing.
        let wait = move |_: &_| {
            let _ = stop.lock().unwrap().recv();
        };
        harness.server.mailbox(shard).push(Command::Run(Box::new(wait)));
    }
    assert_eq!(hub::emit_event("note", "1", &To::User("ann"), None), Ok(true));
    assert_eq!(hub::emit_event("note", "2", &To::Rooms(&[&ann.id]), None), Ok(true));
    assert_eq!(hub::emit_event("note", "3", &To::User("ann"), None), Ok(true));
    drop(go);
    for number in ["1", "2", "3"] {
        let packet = ann.receive().expect("an event");
        assert!(packet.contains(&format!("\"data\":{number}")), "{number}: {packet}");
    }
}
