//! rust_socketio's client: `foreign PORT TRANSPORT`. Prints a line for each thing that held.

use bytes::Bytes;
use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(50);
const BYTES: &[u8] = &[0, 1, 127, 128, 255];

/// What arrived of an event: its text, or its bytes.
#[derive(Debug, PartialEq)]
enum Got {
    Text(Vec<Value>),
    Binary(Bytes),
}

/// A client whose events are taken one by one, in the order in which they came.
struct Peer {
    client: Client,
    events: Receiver<(String, Got)>,
}

impl Peer {
    fn connect(namespace: &str, token: &str) -> Result<Peer, rust_socketio::Error> {
        let mut arguments = std::env::args().skip(1);
        let url = format!("http://127.0.0.1:{}", arguments.next().expect("a port"));
        let transport = match arguments.next().expect("a transport").as_str() {
            "polling" => TransportType::Polling,
            "websocket" => TransportType::Websocket,
            _ => TransportType::Any,
        };
        let (sender, events) = channel();
        let (errors, closes) = (sender.clone(), sender.clone());
        let client = ClientBuilder::new(url)
            .namespace(namespace)
            .auth(json!({ "token": token }))
            .transport_type(transport)
            .reconnect(true)
            .reconnect_on_disconnect(true)
            .reconnect_delay(10, 100)
            .on_any(move |event, payload, _| {
                let _ = sender.send((String::from(event), got(payload)));
            })
            .on(Event::Error, move |payload, _| {
                let _ = errors.send((String::from("error"), got(payload)));
            })
            .on(Event::Close, move |payload, _| {
                let _ = closes.send((String::from("close"), got(payload)));
            })
            .connect()?;
        Ok(Peer { client, events })
    }

    /// The next event of this name; others before it are left out.
    fn next(&self, name: &str) -> Got {
        loop {
            let (event, got) = self.events.recv_timeout(WAIT).unwrap_or_else(|_| panic!("no {name} came"));
            if event == name {
                return got;
            }
        }
    }

    fn ask(&self, event: &str, data: impl Into<Payload>) -> Got {
        let (sender, answers) = channel();
        self.client
            .emit_with_ack(event, data, WAIT, move |payload: Payload, _| {
                let _ = sender.send(got(payload));
            })
            .expect("it can be sent");
        answers.recv_timeout(WAIT).unwrap_or_else(|_| panic!("no answer to {event}"))
    }

    fn emit(&self, event: &str, data: impl Into<Payload>) {
        self.client.emit(event, data).expect("it can be sent");
    }
}

#[allow(deprecated)]
fn got(payload: Payload) -> Got {
    match payload {
        Payload::Text(values) => Got::Text(values),
        Payload::Binary(bytes) => Got::Binary(bytes),
        Payload::String(text) => Got::Text(vec![json!(text)]),
    }
}

fn texts(values: &[Value]) -> Got {
    Got::Text(values.to_vec())
}

fn events(peer: &Peer) {
    let Got::Text(welcome) = peer.next("welcome") else { panic!("no text") };
    assert_eq!(welcome[0]["namespace"], "/");
    assert_eq!(welcome[0]["token"], "good");
    let values = [json!("ä€😀"), json!(1.5), json!(null), json!([]), json!({ "a": [{ "b": "\n\u{2028}" }] })];
    peer.emit("echo", values.to_vec());
    assert_eq!(peer.next("echo"), texts(&values));
}

fn acks(peer: &Peer) {
    // An answer is one list of its arguments here.
    assert_eq!(peer.ask("echo", json!("a")), texts(&[json!(["a"])]));
    assert_eq!(peer.ask("echo", vec![json!("a"), json!(2)]), texts(&[json!(["a", 2])]));
}

fn binary(peer: &Peer) {
    peer.emit("echo", Payload::Binary(Bytes::from_static(BYTES)));
    assert_eq!(peer.next("echo"), Got::Binary(Bytes::from_static(BYTES)));
}

fn rooms(peer: &Peer) {
    let other = Peer::connect("/", "good").expect("it connects");
    for each in [peer, &other] {
        each.ask("join", json!("r"));
    }
    peer.emit("say", vec![json!("r"), json!("hello")]);
    for each in [peer, &other] {
        assert_eq!(each.next("said"), texts(&[json!("hello")]));
    }
    peer.emit("say to the others", vec![json!("r"), json!("others")]);
    assert_eq!(other.next("said"), texts(&[json!("others")]));
    other.ask("leave", json!("r"));
    peer.emit("say", vec![json!("r"), json!("last")]);
    assert_eq!(peer.next("said"), texts(&[json!("last")]));
    other.ask("echo", json!(1));
    let late = other.events.recv_timeout(Duration::ZERO);
    assert_eq!(late, Err(RecvTimeoutError::Timeout));
    other.client.disconnect().expect("it leaves");
}

fn namespaces(_: &Peer) {
    let other = Peer::connect("/other", "good").expect("it connects");
    let Got::Text(welcome) = other.next("welcome") else { panic!("no text") };
    assert_eq!(welcome[0]["namespace"], "/other");
    assert_eq!(other.ask("echo", json!("x")), texts(&[json!(["x"])]));
    other.client.disconnect().expect("it leaves");
}

fn auth(_: &Peer) {
    match Peer::connect("/", "bad") {
        Ok(peer) => assert!(format!("{:?}", peer.next("error")).contains("not welcome")),
        Err(error) => assert!(error.to_string().contains("not welcome"), "{error}"),
    }
}

fn reconnect(peer: &Peer) {
    peer.emit("cut", json!(null));
    let Got::Text(welcome) = peer.next("welcome") else { panic!("no text") };
    assert_eq!(welcome[0]["token"], "good");
    assert_eq!(peer.ask("echo", json!(1)), texts(&[json!([1])]));
}

fn main() {
    let peer = Peer::connect("/", "good").expect("it connects");
    let checks: [(&str, fn(&Peer)); 7] = [
        ("events", events),
        ("acks", acks),
        ("binary", binary),
        ("rooms", rooms),
        ("namespaces", namespaces),
        ("auth", auth),
        ("reconnect", reconnect),
    ];
    for (name, check) in checks {
        check(&peer);
        println!("{name}");
    }
    peer.client.disconnect().expect("it leaves");
}
