//! Servers come and go: closing flushes, nothing leaks, a panic ends one session. These tests look at the whole
//! process, so they run one at a time.

#[path = "support/harness.rs"]
mod harness;

use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use harness::{Client, Harness, PATIENCE, Polling, all, event, response, rooms_of};
use nself_realtime::config::{Batch, Config};
use nself_realtime::hub::{self, Selection};

fn all_but(polling: &Polling) -> Selection {
    Selection { except: [polling.id.as_str().into()].into(), ..all() }
}

/// Looks again until it is so.
fn until(mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "it never came to be");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    hub::join();
    guard
}

mod closing {
    use super::*;

    #[test]
    fn flushes_what_was_emitted_before_it() {
        let _alone = alone();
        const EVENTS: usize = 500;
        let batch = Batch { max_events: 1_000_000, window: 600_000 };
        let harness = Harness::open(Config { batch, ..Config::default() });
        let mut clients: Vec<Client> = (0..20).map(|_| harness.connect()).collect();
        let polling = Polling::connect(harness.port);
        harness.batch(rooms_of(&[&polling.id]), "\"opens its window\"");
        assert_eq!(polling.request("GET", "").0, 200);
        let pending = polling.begin("GET", "");
        harness.until_it_polls(&polling);
        let big = "x".repeat(2000);
        for number in 0..EVENTS {
            harness.emit(all_but(&polling), format!("\"{number} {big}\""));
            harness.batch(rooms_of(&[&polling.id]), number);
        }
        harness.begin_close(PATIENCE);
        for client in &mut clients {
            let got = client.rest();
            assert_eq!(got.len(), EVENTS);
            assert!(got.iter().enumerate().all(|(number, text)| text.starts_with(&format!("\"{number} "))));
        }
        let (_, body) = response(pending).unwrap();
        assert_eq!(body.split('\x1e').filter(|packet| !packet.contains("volatile")).count(), EVENTS);
        assert!(!harness.server.emit(event("[\"late\"]")));
        let report = harness.event();
        assert!(report.starts_with("closed {") && report.contains("\"closed\":0}"), "{report}");
    }

    #[test]
    fn lets_a_poller_between_two_polls_fetch_what_waits() {
        let _alone = alone();
        let harness = Harness::open(Config::default());
        let polling = Polling::connect(harness.port);
        (0..3).for_each(|number| harness.emit(all(), number));
        harness.begin_close(PATIENCE);
        let (status, body) = polling.request("GET", "");
        let expected: Vec<String> = (0..3).map(|number| format!("42[\"event\",{number}]")).collect();
        assert_eq!((status, body), (200, expected.join("\x1e")));
        assert_eq!(polling.request("GET", ""), (200, "6\x1e1".into()));
        harness.wait_closed();
        assert!(harness.event().contains("\"closed\":0}"));
    }

    #[test]
    fn waits_for_slow_readers_but_not_beyond_the_deadline() {
        let _alone = alone();
        let harness = Harness::open(Config { max_outbox: 64 << 20, ..Config::default() });
        let _stuck = harness.connect();
        let content = format!("\"{}\"", "x".repeat(1 << 20));
        (0..32).for_each(|_| harness.emit(all(), &content));
        let start = Instant::now();
        harness.begin_close(Duration::from_millis(300));
        harness.wait_closed();
        assert!(start.elapsed().as_millis() >= 290 && start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        let report = harness.event();
        assert!(report.starts_with("closed {") && !report.contains("\"closed\":0}"), "{report}");
    }

    #[test]
    fn ends_clients_that_never_joined_or_never_spoke() {
        let _alone = alone();
        let harness = Harness::open(Config::default());
        let mut unjoined = Client::open(harness.port);
        let silent = harness::tcp(harness.port);
        let mut joined = harness.connect();
        harness.begin_close(PATIENCE);
        assert_eq!((unjoined.receive(), joined.receive()), (None, None));
        assert_eq!(response(silent), None);
        harness.wait_closed();
        hub::join();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, harness.port)).is_err(), "nobody listens any more");
    }
}

#[cfg(target_os = "linux")]
mod leaks {
    use super::*;

    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("realtime-")).count()
    }

    fn descriptors() -> usize {
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    }

    fn cycle() {
        let harness = Harness::open(Config::default());
        let mut clients: Vec<Client> = (0..3).map(|_| harness.connect()).collect();
        let _polling = Polling::connect(harness.port);
        assert!(threads() > 0);
        clients.pop();
        harness.emit(all(), 1);
        harness.begin_close(Duration::from_millis(100));
        assert_eq!(clients[0].rest(), ["1"]);
        harness.wait_closed();
        hub::join();
    }

    #[test]
    fn nothing_is_left_of_fifty_servers() {
        let _alone = alone();
        cycle();
        let before = descriptors();
        for _ in 0..50 {
            cycle();
            // A joined thread is listed a moment longer.
            until(|| threads() == 0);
        }
        assert_eq!(descriptors(), before);
    }

    #[test]
    fn clients_that_come_and_go_leave_nothing() {
        let _alone = alone();
        let harness = Harness::open(Config::default());
        let visit = |times: usize| {
            for round in 0..times {
                let mut client = harness.connect();
                match round % 4 {
                    0 => client.send("1"),
                    1 => client.send("42 no packet"),
                    2 => client.socket.close(None).unwrap(),
                    // Gone without a word.
                    _ => continue,
                }
                client.rest();
            }
        };
        // The shards have opened theirs when all of them have answered.
        assert!(harness.server.presence(None, None).unwrap().is_empty());
        let before = descriptors();
        visit(100);
        // A link goes when its peer's end has been read.
        until(|| descriptors() == before);
        let stats = || harness.server.stats(false).unwrap();
        until(|| stats().connections.websocket == 0 && stats().sockets == 0);
    }
}

mod several {
    use super::*;

    #[test]
    fn servers_live_side_by_side() {
        let _alone = alone();
        let (a, b, c) = (open(), open(), open());
        let mut clients: Vec<Client> = [&a, &b, &c].map(|harness| harness.connect()).into();
        for (number, harness) in [&a, &b, &c].into_iter().enumerate() {
            harness.emit(all(), number);
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.event(), Some(number.to_string()));
        }
        let stranger = Polling { port: b.port, ..Polling::connect(a.port) };
        assert_eq!(stranger.request("GET", "").0, 400, "a session of another server");
        a.begin_close(PATIENCE);
        assert_eq!(clients[0].receive(), None);
        b.emit(all(), 10);
        assert_eq!(clients[1].event().as_deref(), Some("10"));
        let d = open();
        let mut late = d.connect();
        c.begin_close(PATIENCE);
        assert_eq!(clients[2].receive(), None);
        d.emit(all(), 11);
        assert_eq!(late.event().as_deref(), Some("11"));
    }

    fn open() -> Harness {
        Harness::open(Config::default())
    }

    #[test]
    fn the_next_one_opens_while_the_last_one_closes() {
        let _alone = alone();
        let mut last = open();
        for number in 0..20 {
            let mut client = last.connect();
            last.emit(all(), number);
            last.begin_close(PATIENCE);
            let next = open();
            assert_eq!(client.rest(), [number.to_string()]);
            last = next;
        }
    }
}

mod panics {
    use super::*;

    const WORD: &str = "make the sink panic";

    fn open() -> Harness {
        let harness = Harness::open(Config::default());
        harness.server.declare("/", true, false);
        harness
    }

    /// All is well but for the one session.
    fn goes_on(harness: Harness, other: &mut Client) {
        harness.emit(all(), "\"on\"");
        assert_eq!(other.event().as_deref(), Some("\"on\""));
        let connections = || harness.server.stats(false).unwrap().connections;
        until(|| (connections().websocket, connections().polling) == (1, 0));
        let mut fresh = harness.connect();
        harness.emit(all(), "\"new\"");
        assert_eq!(fresh.event().as_deref(), Some("\"new\""));
        // Nothing of the broken session holds up the end.
        let start = Instant::now();
        harness.begin_close(PATIENCE);
        assert_eq!((fresh.receive(), other.receive()), (None, Some("42[\"event\",\"new\"]".into())));
        assert_eq!(other.receive(), None);
        harness.wait_closed();
        assert!(start.elapsed() < PATIENCE / 2);
    }

    #[test]
    fn at_a_message() {
        let _alone = alone();
        let harness = open();
        let (mut other, mut broken) = (harness.connect(), harness.connect());
        broken.send(&format!("42[\"{WORD}\"]"));
        assert_eq!(broken.receive(), None);
        goes_on(harness, &mut other);
    }

    #[test]
    fn at_a_posted_message() {
        let _alone = alone();
        let harness = open();
        let mut other = harness.connect();
        let polling = Polling::connect(harness.port);
        let pending = polling.begin("GET", "");
        let post = polling.begin("POST", &format!("42[\"{WORD}\"]"));
        // Answered or cut, but not left waiting.
        response(post);
        response(pending);
        assert_eq!(polling.request("GET", "").0, 400);
        goes_on(harness, &mut other);
    }

    #[test]
    fn at_a_connect() {
        let _alone = alone();
        let harness = open();
        let mut other = harness.connect();
        let mut broken = Client::open(harness.port);
        broken.send(&format!("40{{\"token\":\"{WORD}\"}}"));
        while broken.receive().is_some() {}
        goes_on(harness, &mut other);
    }

    #[test]
    fn at_a_disconnect() {
        let _alone = alone();
        let harness = open();
        let (mut other, mut broken) = (harness.connect(), harness.connect());
        harness.join(&broken, &[WORD]);
        broken.send("1");
        while broken.receive().is_some() {}
        goes_on(harness, &mut other);
    }

    #[test]
    fn at_a_time_out() {
        let _alone = alone();
        let harness = Harness::open(Config { ping_interval: 500, ping_timeout: 500, ..Config::default() });
        harness.server.declare("/", true, false);
        let mut broken = harness.connect();
        harness.join(&broken, &[WORD]);
        while broken.receive().is_some() {}
        let mut other = harness.connect();
        goes_on(harness, &mut other);
    }
}
