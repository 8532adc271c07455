//! A server on a port of its own, whose events go into a channel, and clients that speak to it over plain sockets.

#![allow(dead_code)] // Each test crate uses its part.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nself_realtime::config::Config;
use nself_realtime::hub::acks;
use nself_realtime::hub::server::{Event, Outgoing, Server, Sink};
use nself_realtime::hub::{self, Change, Selection};
use nself_realtime::transport::listener::listen;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// Longer than anything takes; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Tells a channel, and panics where an event's text has the word.
struct Channel {
    events: Sender<Event>,
    panics_at: &'static str,
}

impl Sink for Channel {
    fn push(&self, event: Event) {
        let text: &str = match &event {
            Event::Connecting(arrival) | Event::Connect(arrival) => &arrival.info,
            Event::Disconnect(_, text, _) | Event::Room(text, _) | Event::Log(text) | Event::Closed(text) => text,
            Event::Packet(packet) => &packet.data,
            Event::Join(join) => &join.room,
            Event::Refused(text, _) | Event::Fault(_, text, _) => text,
            Event::Line(line) => &line.text,
            Event::Asked(asked) => &asked.head,
            Event::Stay(text, _) => text,
            Event::Namespace(wish) => &wish.info,
            Event::Answers(..) => "",
        };
        assert!(!text.contains(self.panics_at), "as the test asked");
        let _ = self.events.send(event);
    }
}

/// An event of namespace `/`, to all.
pub fn event(text: &str) -> Outgoing<'_> {
    Outgoing { nsp: "/", text, ..Outgoing::default() }
}

/// A server that ends with its owner.
pub struct Harness {
    pub server: Arc<Server>,
    pub port: u16,
    pub events: Receiver<Event>,
}

impl Harness {
    pub fn open(config: Config) -> Self {
        let (events, receiver) = channel();
        // Nothing but a test's own words.
        let server = hub::open(config, Arc::new(Channel { events, panics_at: "make the sink panic" })).unwrap();
        let port = listen(&server, Some("127.0.0.1"), 0).unwrap();
        Self { server, port, events: receiver }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// Emits `["event",content]`.
    pub fn emit(&self, to: Selection, content: impl std::fmt::Display) {
        assert!(self.server.emit(Outgoing { to, ..event(&text(content)) }));
    }

    /// The same, batched.
    pub fn batch(&self, to: Selection, content: impl std::fmt::Display) {
        assert!(self.server.emit(Outgoing { to, batch: true, ..event(&text(content)) }));
    }

    /// Puts a client into rooms.
    pub fn join(&self, client: &Client, names: &[&str]) {
        let rooms = names.iter().map(|name| Arc::from(*name)).collect();
        self.server.change_all("/", &rooms_of(&[&client.id]), &Change::Join(rooms));
    }

    /// Waits until a GET of this client's is pending, by volatile events, which are dropped before. They gather until
    /// something else is sent: the batch window must be long.
    pub fn until_it_polls(&self, polling: &Polling) {
        let deliveries = || self.server.stats(false).unwrap().deliveries;
        let before = deliveries();
        let start = Instant::now();
        while deliveries() == before {
            assert!(start.elapsed() < PATIENCE, "no GET came");
            let to = rooms_of(&[&polling.id]);
            self.server.emit(Outgoing { to, volatile: true, batch: true, ..event(&text("\"volatile\"")) });
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the end of a server that closes.
    pub fn wait_closed(&self) {
        self.server.wait_closed(PATIENCE);
        assert_eq!(self.server.state(), hub::server::State::Closed);
    }

    /// Begins to close.
    pub fn begin_close(&self, deadline: Duration) {
        self.server.close(deadline.as_millis() as u64, false);
    }

    /// The next event, as text.
    pub fn event(&self) -> String {
        match self.events.recv_timeout(PATIENCE).expect("an event") {
            Event::Connecting(arrival) => format!("connecting {}", arrival.info),
            Event::Connect(arrival) => format!("connect {}", arrival.info),
            Event::Packet(packet) => format!("packet {}", packet.data),
            Event::Join(join) => format!("join {}", join.room),
            Event::Disconnect(_, info, _) => format!("disconnect {info}"),
            Event::Asked(asked) => format!("asked {}", asked.head),
            Event::Room(room, _) => format!("room {room}"),
            Event::Stay(stay, _) => format!("stay {stay}"),
            Event::Namespace(wish) => format!("namespace {}", wish.info),
            Event::Answers(_, answers, _) => format!("answers {}", acks::text(&answers)),
            Event::Log(line) => format!("log {line}"),
            Event::Closed(report) => format!("closed {report}"),
            Event::Refused(refusal, _) => format!("refused {refusal}"),
            Event::Fault(_, what, _) => format!("fault {what}"),
            Event::Line(line) => format!("{:?} {}", line.what, line.text),
        }
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.begin_close(Duration::ZERO);
        self.server.wait_closed(PATIENCE);
    }
}

fn text(content: impl std::fmt::Display) -> String {
    format!("[\"event\",{content}]")
}

/// Everybody.
pub fn all() -> Selection {
    Selection::default()
}

/// Whoever is in one of these rooms.
pub fn rooms_of(names: &[&str]) -> Selection {
    Selection { rooms: names.iter().map(|name| Arc::from(*name)).collect(), ..Selection::default() }
}

/// A client on a WebSocket, joined to `/`.
pub struct Client {
    pub socket: WebSocket<TcpStream>,
    /// The socket id.
    pub id: String,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let mut client = Self::open(port);
        client.send("40");
        let reply = client.receive().expect("an answer to CONNECT");
        let reply: serde_json::Value = serde_json::from_str(reply.strip_prefix("40").expect("CONNECT")).unwrap();
        client.id = reply["sid"].as_str().expect("a socket id").to_owned();
        client
    }

    /// A session that has not joined any namespace.
    pub fn open(port: u16) -> Self {
        let stream = tcp(port);
        let url = format!("ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = tungstenite::client(url, stream).expect("an upgrade");
        let mut client = Self { socket, id: String::new() };
        assert!(client.receive().expect("an open packet").starts_with("0{"));
        client
    }

    pub fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// The next packet, pings too; `None` at the end of the connection, however it ends.
    pub fn receive(&mut self) -> Option<String> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Some(text.to_string()),
            Ok(Message::Close(_)) => {
                // The answer: the server waits for it.
                let _ = self.socket.flush();
                None
            }
            Ok(other) => panic!("unexpected {other:?}"),
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came in {PATIENCE:?}")
            }
            Err(_) => None,
        }
    }

    /// The content of the next event, pings being answered.
    pub fn event(&mut self) -> Option<String> {
        loop {
            let packet = self.receive()?;
            if packet == "2" {
                self.send("3");
                continue;
            }
            let content = packet.strip_prefix("42[\"event\",").and_then(|rest| rest.strip_suffix(']'));
            return Some(content.unwrap_or_else(|| panic!("no event: {packet}")).to_owned());
        }
    }

    /// The contents of so many events.
    pub fn events(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|at| self.event().unwrap_or_else(|| panic!("the end after {at} events"))).collect()
    }

    /// All events that are still to come, up to the end.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.event()).collect()
    }
}

/// A plain connection to a server.
pub fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A session over polling, each request on a connection of its own.
pub struct Polling {
    pub port: u16,
    pub sid: String,
    /// The socket id.
    pub id: String,
}

impl Polling {
    /// A session that has joined `/`.
    pub fn connect(port: u16) -> Self {
        let mut polling = Self { port, sid: String::new(), id: String::new() };
        let (status, body) = polling.request("GET", "");
        assert_eq!(status, 200);
        let open: serde_json::Value = serde_json::from_str(&body[1..]).unwrap();
        polling.sid = open["sid"].as_str().unwrap().to_owned();
        assert_eq!(polling.request("POST", "40"), (200, "ok".into()));
        let (_, body) = polling.request("GET", "");
        let reply: serde_json::Value = serde_json::from_str(body.strip_prefix("40").expect("CONNECT")).unwrap();
        polling.id = reply["sid"].as_str().expect("a socket id").to_owned();
        polling
    }

    pub fn request(&self, method: &str, body: &str) -> (u16, String) {
        response(self.begin(method, body)).expect("a response")
    }

    /// Sends a request; its response is still to be read.
    pub fn begin(&self, method: &str, body: &str) -> TcpStream {
        let mut stream = tcp(self.port);
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}

/// Status and body; `None` if the connection was cut without a response.
pub fn response(mut stream: TcpStream) -> Option<(u16, String)> {
    let mut text = String::new();
    if let Err(error) = stream.read_to_string(&mut text) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "no response in {PATIENCE:?}");
    }
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
