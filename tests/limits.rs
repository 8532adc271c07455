//! What clients may do, on a port of our own: rates, sizes, times, numbers. Without Node.

#[path = "support/harness.rs"]
mod harness;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use harness::{Client, Harness, PATIENCE, Polling, response, tcp};
use nself_realtime::config::{Config, Limits};
use nself_realtime::guard::rate::Rate;

fn open(limits: Limits) -> Harness {
    Harness::open(Config { limits, ..Config::default() })
}

fn limited(harness: &Harness) -> (u64, u64, u64) {
    let limited = harness.server.stats(false).unwrap().limited;
    (limited.connection, limited.user, limited.address)
}

/// All packets up to the end.
fn until_end(client: &mut Client) -> Vec<String> {
    std::iter::from_fn(|| client.receive()).collect()
}

/// Status and headers of whatever a raw request gets, to the end of the connection.
fn raw(harness: &Harness, request: &str) -> String {
    let mut stream = tcp(harness.port);
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn events_beyond_the_burst_are_refused_and_told_once_a_second() {
    let harness = open(Limits { events: Some(Rate::new(1, 5)), ..Limits::default() });
    let mut client = harness.connect();
    // CONNECT was one.
    (0..20).for_each(|number| client.send(&format!("42[\"x\",{number}]")));
    assert_eq!(
        client.receive().unwrap(),
        "42[\"error\",{\"code\":\"ERR_RATE_LIMITED\",\"error\":\"too many events; slow down\"}]"
    );
    client.send("1");
    until_end(&mut client);
    assert_eq!(limited(&harness), (16, 0, 0));
    assert_eq!(harness.server.stats(false).unwrap().floods, 0);
}

#[test]
fn who_goes_on_is_disconnected_and_others_are_not() {
    let harness = open(Limits { events: Some(Rate::new(1, 5)), ..Limits::default() });
    let (mut flooder, mut other) = (harness.connect(), harness.connect());
    for _ in 0..60 {
        if flooder.socket.send(tokio_tungstenite::tungstenite::Message::text("42[\"x\"]")).is_err() {
            break;
        }
    }
    let got = until_end(&mut flooder);
    assert_eq!(got.last().map(String::as_str), Some("41"), "told, and not to come back: {got:?}");
    assert_eq!(harness.server.stats(false).unwrap().floods, 1);
    other.send("41");
    other.send("40");
    assert!(other.receive().unwrap().starts_with("40{"));
}

#[test]
fn floods_of_packets_that_are_no_events_end_too() {
    let harness = open(Limits { events: Some(Rate::new(1, 5)), ..Limits::default() });
    for packet in ["3", "6", "42", "430[]"] {
        let mut client = harness.connect();
        for _ in 0..110 {
            if client.socket.send(tokio_tungstenite::tungstenite::Message::text(packet)).is_err() {
                break;
            }
        }
        assert_eq!(until_end(&mut client).last().map(String::as_str), Some("41"), "{packet}");
    }
    assert_eq!(harness.server.stats(false).unwrap().floods, 4);
}

#[test]
fn a_payload_of_polling_is_limited_the_same() {
    let harness = open(Limits { events: Some(Rate::new(1, 5)), ..Limits::default() });
    let polling = Polling::connect(harness.port);
    let body = vec!["42[\"x\"]"; 20].join("\x1e");
    assert_eq!(polling.request("POST", &body).0, 200);
    assert!(polling.request("GET", "").1.contains("ERR_RATE_LIMITED"));
    assert_eq!(limited(&harness), (16, 0, 0));
}

#[test]
fn connections_of_an_address_share_a_bucket() {
    let harness = open(Limits { address_events: Some(Rate::new(1, 10)), ..Limits::default() });
    let mut clients: Vec<Client> = (0..3).map(|_| harness.connect()).collect();
    for client in &mut clients {
        (0..5).for_each(|_| client.send("42[\"x\"]"));
        client.send("1");
    }
    clients.iter_mut().for_each(|client| drop(until_end(client)));
    // Three CONNECTs were events too.
    assert_eq!(limited(&harness), (0, 0, 8));
}

#[test]
fn handshakes_and_connections_have_their_number() {
    let harness = open(Limits { handshakes: Some(Rate::new(1, 3)), ..Limits::default() });
    let _three: Vec<Client> = (0..3).map(|_| harness.connect()).collect();
    let fresh = Polling { port: harness.port, sid: String::new(), id: String::new() };
    assert_eq!(fresh.request("GET", "").0, 429);
    assert_eq!(harness.server.stats(false).unwrap().refused.handshakes, 1);

    let harness = open(Limits { max_connections: Some(2), ..Limits::default() });
    let first = harness.connect();
    let _second = Polling::connect(harness.port);
    let fresh = Polling { port: harness.port, sid: String::new(), id: String::new() };
    assert_eq!(fresh.request("GET", "").0, 503);
    drop(first);
    let start = Instant::now();
    while fresh.request("GET", "").0 != 200 {
        assert!(start.elapsed() < PATIENCE, "a place becomes free");
    }
    assert!(harness.server.stats(false).unwrap().refused.full >= 1);
}

#[test]
fn an_address_has_its_number_of_tcp_connections() {
    let harness = open(Limits { max_connections_per_address: Some(5), ..Limits::default() });
    let held: Vec<_> = (0..5).map(|_| tcp(harness.port)).collect();
    let (status, body) = response(tcp(harness.port)).expect("an answer before a word was said");
    assert_eq!((status, body.as_str()), (429, "Too many connections"));
    drop(held);
    let start = Instant::now();
    while raw(&harness, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 429") {
        assert!(start.elapsed() < PATIENCE, "places become free");
    }
    assert!(harness.server.stats(false).unwrap().refused.address >= 1);
}

#[test]
fn slow_heads_and_bodies_have_their_time() {
    let limits = Limits { headers_timeout: 200, request_timeout: 200, ..Limits::default() };
    let harness = open(limits);
    let polling = Polling::connect(harness.port);
    for head in ["", "GET /soc", "GET /socket.io/ HTTP/1.1\r\nHost: x\r\nX: "] {
        let start = Instant::now();
        raw(&harness, head);
        assert!(start.elapsed() >= Duration::from_millis(150) && start.elapsed() < PATIENCE, "{head}");
    }
    let post = format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n42[",
        polling.sid
    );
    assert!(raw(&harness, &post).starts_with("HTTP/1.1 408"));
    assert!(
        harness.server.stats(false).unwrap().refused.timeout >= 3,
        "{:?}",
        harness.server.stats(false).unwrap().refused
    );
    assert_eq!(polling.request("GET", "").0, 400, "its session is over");
}

#[test]
fn who_asks_for_no_namespace_has_its_time() {
    let harness = Harness::open(Config { connect_timeout: 200, ..Config::default() });
    let answer =
        raw(&harness, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let start = Instant::now();
    while harness.server.stats(false).unwrap().refused.timeout == 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    // Its session waits for a poll to tell it the end; meanwhile the shard has time for others.
    Polling::connect(harness.port);
    assert_eq!(harness.server.stats(false).unwrap().refused.timeout, 1);
}

#[test]
fn heads_messages_pieces_and_attachments_have_their_size() {
    let limits = Limits { max_fragments: 3, max_attachments: 1, max_header_size: 10_000, ..Limits::default() };
    let harness = Harness::open(Config { limits, max_http_buffer_size: 1000, ..Config::default() });
    let long = "x".repeat(12_000);
    for path in ["/socket.io/?EIO=4&transport=polling", "/elsewhere"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX: {long}\r\nConnection: close\r\n\r\n");
        assert!(raw(&harness, &request).starts_with("HTTP/1.1 431"), "{path}");
    }
    let mut client = harness.connect();
    client.send(&format!("42[\"{}\"]", "x".repeat(1000)));
    until_end(&mut client);
    let mut client = harness.connect();
    client.send("452-[\"x\"]");
    until_end(&mut client);
    let client = harness.connect();
    let mut stream = client.socket.get_ref().try_clone().unwrap();
    stream.write_all(&[0x01, 0x80, 0, 0, 0, 0].repeat(4)).unwrap();
    let mut end = Vec::new();
    let _ = stream.read_to_end(&mut end);
    assert_eq!(end, [0x88, 2, 3, 240], "1008");
    let refused = harness.server.stats(false).unwrap().refused;
    assert_eq!((refused.headers, refused.size, refused.fragments, refused.attachments), (2, 1, 1, 1));
    assert_eq!(Polling::connect(harness.port).request("POST", &"x".repeat(1001)).0, 413);
}

#[test]
fn who_floods_after_the_close_is_cut_off() {
    let harness = open(Limits { events: Some(Rate::new(1, 5)), ..Limits::default() });
    let client = harness.connect();
    let mut stream = client.socket.get_ref().try_clone().unwrap();
    let events = b"\x81\x88\0\0\0\x0042[\"xx\"]".repeat(5000);
    let start = Instant::now();
    let sent = (0..1000).take_while(|_| stream.write_all(&events).is_ok()).count();
    // Buffers of the system are beside what the server takes.
    assert!(sent < 300 && start.elapsed() < Duration::from_secs(4), "{sent} in {:?}", start.elapsed());
}
