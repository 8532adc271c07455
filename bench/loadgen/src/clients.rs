//! The clients: handshake, pings, counting, acknowledgements.

use crate::control::say;
use crate::latency::Latencies;
use crate::poll::{self, Poll};
use crate::{frame, now_ns};
use rustix::net::{AddressFamily, SocketAddrV4, SocketFlags, SocketType, ipproto, sockopt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

/// Clients of one source address: far fewer than it has ports.
const CLIENTS_PER_ADDRESS: usize = 2000;

/// Bytes that one read may take.
const READ_BUFFER: usize = 1 << 18;

#[derive(PartialEq)]
enum Stage {
    /// Waiting for the TCP connection.
    Connecting,
    /// Waiting for the 101.
    Upgrading,
    /// Waiting for the Engine.IO open packet, then for the Socket.IO CONNECT.
    Opening,
    Ready,
    Gone,
}

struct Client {
    fd: OwnedFd,
    stage: Stage,
    /// The start of a frame whose end has not arrived.
    rest: Vec<u8>,
    asked_at: u64,
}

struct Connecting {
    id: u64,
    address: SocketAddrV4,
    request: Vec<u8>,
    /// Still to open.
    left: usize,
    /// Half open.
    open: usize,
    started: u64,
    count: usize,
}

struct Expectation {
    id: u64,
    prefix: Vec<u8>,
    deliveries: u64,
    latency: bool,
    started: u64,
}

/// An event that asks for an acknowledgement.
pub struct Question {
    pub event: String,
    pub room: String,
    pub size: usize,
}

struct Acks {
    id: u64,
    question: Question,
    to_send: usize,
    to_come: usize,
    total: usize,
    refused: usize,
    started: u64,
    idle: VecDeque<usize>,
    latencies: Latencies,
}

#[derive(Default)]
pub struct Clients {
    all: Vec<Client>,
    buffer: Vec<u8>,
    connecting: Option<Connecting>,
    expectation: Option<Expectation>,
    acks: Option<Acks>,
    latencies: Latencies,
    /// Counted since the last `expect`.
    delivered: u64,
    reads: u64,
    lost: usize,
}

impl Clients {
    pub fn status(&self) -> Value {
        let ready = self.all.iter().filter(|client| client.stage == Stage::Ready).count();
        json!({ "ready": ready, "delivered": self.delivered, "lost": self.lost })
    }

    pub fn connect(&mut self, poll: &Poll, id: u64, port: u16, path: &str, count: usize, inflight: usize) {
        let request = format!(
            "GET {path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\n\r\n"
        );
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let started = now_ns();
        let state = Connecting { id, address, request: request.into_bytes(), left: count, open: 0, started, count };
        self.connecting = Some(state);
        for _ in 0..inflight.min(count) {
            self.open_one(poll);
        }
    }

    fn open_one(&mut self, poll: &Poll) {
        let Some(state) = self.connecting.as_mut().filter(|state| state.left > 0) else { return };
        state.left -= 1;
        state.open += 1;
        let index = self.all.len();
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))
            .expect("a descriptor for each client");
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index / CLIENTS_PER_ADDRESS) as u8);
        rustix::net::bind(&fd, &SocketAddrV4::new(source, 0)).expect("a free loopback port");
        sockopt::set_tcp_nodelay(&fd, true).expect("TCP_NODELAY");
        match rustix::net::connect(&fd, &state.address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => panic!("connect: {error}"),
        }
        poll.add(&fd, index as u64, true).expect("epoll");
        self.all.push(Client { fd, stage: Stage::Connecting, rest: Vec::new(), asked_at: 0 });
    }

    pub fn expect(&mut self, id: u64, event: String, deliveries: u64, latency: bool) {
        let prefix = format!("42[\"{event}\"").into_bytes();
        self.expectation = Some(Expectation { id, prefix, deliveries, latency, started: now_ns() });
        let extra = self.delivered;
        self.delivered = 0;
        self.reads = 0;
        self.latencies = Latencies::default();
        // `extra` must be what the last expectation asked for: more means that something arrived twice.
        say(json!({ "id": id, "armed": true, "before": extra }));
    }

    pub fn acks(&mut self, id: u64, question: Question, total: usize, outstanding: usize) {
        let idle = (0..self.all.len()).filter(|index| self.all[*index].stage == Stage::Ready).collect();
        let (started, latencies) = (now_ns(), Latencies::default());
        let state = Acks { id, question, to_send: total, to_come: total, total, refused: 0, started, idle, latencies };
        self.acks = Some(state);
        for _ in 0..outstanding {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let Some(acks) = self.acks.as_mut().filter(|acks| acks.to_send > 0) else { return };
        let Some(index) = acks.idle.pop_front() else { return };
        acks.to_send -= 1;
        let Question { event, room, size } = &acks.question;
        let packet = format!("421[\"{event}\",{{\"roomId\":\"{room}{}\"}}]", index / size);
        self.all[index].asked_at = now_ns();
        self.send(index, frame::TEXT, packet.as_bytes());
    }

    fn answered(&mut self, index: usize, payload: &[u8]) {
        let Some(acks) = self.acks.as_mut() else { return };
        acks.latencies.record(now_ns() - self.all[index].asked_at);
        acks.refused += usize::from(!payload.starts_with(b"431[{\"ok\":true"));
        acks.to_come -= 1;
        acks.idle.push_back(index);
        if acks.to_come == 0 {
            let seconds = (now_ns() - acks.started) as f64 / 1e9;
            let (total, refused, latency) = (acks.total, acks.refused, acks.latencies.report());
            say(json!({ "id": acks.id, "acks": total, "refused": refused, "seconds": seconds, "latency": latency }));
            self.acks = None;
        } else {
            self.ask();
        }
    }

    /// A socket that is readable, or connected.
    pub fn ready(&mut self, poll: &Poll, index: usize, writable: bool) {
        if self.all[index].stage == Stage::Connecting {
            if !writable || !matches!(sockopt::socket_error(&self.all[index].fd), Ok(Ok(()))) {
                return self.gone(poll, index);
            }
            poll.change(&self.all[index].fd, index as u64, false).expect("epoll");
            self.all[index].stage = Stage::Upgrading;
            let request = self.connecting.as_ref().map(|state| state.request.clone()).unwrap_or_default();
            if poll::write(&self.all[index].fd, &request) != Some(request.len()) {
                self.gone(poll, index);
            }
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(READ_BUFFER, 0);
        match poll::read(&self.all[index].fd, &mut buffer) {
            None => self.gone(poll, index),
            Some(0) => {}
            Some(read) => {
                self.reads += 1;
                if self.all[index].rest.is_empty() {
                    let used = self.take_frames(poll, index, &buffer[..read]);
                    self.all[index].rest.extend_from_slice(&buffer[used..read]);
                } else {
                    let mut joined = std::mem::take(&mut self.all[index].rest);
                    joined.extend_from_slice(&buffer[..read]);
                    let used = self.take_frames(poll, index, &joined);
                    joined.drain(..used);
                    self.all[index].rest = joined;
                }
            }
        }
        self.buffer = buffer;
    }

    /// Handles the whole frames of `bytes`; returns how many bytes they were.
    fn take_frames(&mut self, poll: &Poll, index: usize, bytes: &[u8]) -> usize {
        let mut at = 0;
        if self.all[index].stage == Stage::Upgrading {
            let Some(head) = frame::head_length(bytes) else { return 0 };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                eprintln!("refused: {}", String::from_utf8_lossy(bytes));
                self.gone(poll, index);
                return bytes.len();
            }
            self.all[index].stage = Stage::Opening;
            at = head;
        }
        while let Some(found) = frame::parse(&bytes[at..]) {
            let payload = &bytes[at + found.payload.start..at + found.payload.end];
            at += found.payload.end;
            match found.opcode {
                frame::TEXT => self.packet(poll, index, payload),
                frame::PING => self.send(index, frame::PONG, payload),
                frame::CLOSE => self.gone(poll, index),
                _ => {}
            }
        }
        at
    }

    fn packet(&mut self, poll: &Poll, index: usize, payload: &[u8]) {
        match payload {
            [b'4', b'2', ..] => self.event(payload),
            [b'4', b'3', ..] => self.answered(index, payload),
            b"2" => self.send(index, frame::TEXT, b"3"),
            [b'0', ..] => self.send(index, frame::TEXT, b"40"),
            [b'4', b'0', ..] => self.connected(poll, index),
            _ => eprintln!("not understood: {}", String::from_utf8_lossy(payload)),
        }
    }

    fn connected(&mut self, poll: &Poll, index: usize) {
        self.all[index].stage = Stage::Ready;
        let Some(state) = self.connecting.as_mut() else { return };
        state.open -= 1;
        if state.open == 0 && state.left == 0 {
            let seconds = (now_ns() - state.started) as f64 / 1e9;
            say(json!({ "id": state.id, "connected": state.count, "seconds": seconds }));
            self.connecting = None;
        } else {
            self.open_one(poll);
        }
    }

    fn event(&mut self, payload: &[u8]) {
        let Some(expectation) = self.expectation.as_ref().filter(|e| payload.starts_with(&e.prefix)) else { return };
        self.delivered += 1;
        if expectation.latency {
            self.latencies.record(now_ns().saturating_sub(sent_at(payload)));
        }
        if self.delivered == expectation.deliveries {
            let seconds = (now_ns() - expectation.started) as f64 / 1e9;
            let (id, reads, latency) = (expectation.id, self.reads, self.latencies.report());
            say(
                json!({ "done": id, "delivered": self.delivered, "seconds": seconds, "reads": reads, "latency": latency }),
            );
        }
    }

    fn send(&mut self, index: usize, opcode: u8, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(payload.len() + 14);
        frame::push_client(&mut bytes, opcode, payload);
        let sent = poll::write(&self.all[index].fd, &bytes);
        // A few small frames always fit an open socket's buffer; a closed one is seen by the next read.
        assert!(sent.is_none_or(|sent| sent == bytes.len()), "a send buffer is full");
    }

    fn gone(&mut self, poll: &Poll, index: usize) {
        if std::mem::replace(&mut self.all[index].stage, Stage::Gone) != Stage::Gone {
            self.lost += 1;
            poll.remove(&self.all[index].fd);
            say(json!({ "lost": self.lost }));
        }
    }
}

/// The time that the sender wrote into the event as `t=<nanoseconds>`: when it meant to send it.
fn sent_at(payload: &[u8]) -> u64 {
    let start = memchr::memmem::find(payload, b"t=").map_or(payload.len(), |at| at + 2);
    payload[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}
