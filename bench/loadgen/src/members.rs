//! The connections of the floor and their rooms.

use crate::poll::{self, Poll};
use crate::{frame, now_ns};
use base64::Engine;
use rustix::net::{SocketFlags, sockopt};
use sha1::{Digest, Sha1};
use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;

struct Member {
    fd: OwnedFd,
    upgraded: bool,
    gone: bool,
    /// The start of a request or frame whose end has not arrived.
    rest: Vec<u8>,
    /// What did not fit the socket's buffer, and how much of the first has gone.
    waiting: VecDeque<Rc<[u8]>>,
    written: usize,
}

#[derive(Default)]
pub struct Members {
    all: Vec<Member>,
    rooms: HashMap<String, Vec<usize>>,
    buffer: Vec<u8>,
}

impl Members {
    /// Members of a room; the room "" is everybody.
    pub fn count(&self, room: &str) -> usize {
        if room.is_empty() { self.all.len() } else { self.rooms.get(room).map_or(0, Vec::len) }
    }

    pub fn accept(&mut self, poll: &Poll, listener: &OwnedFd) {
        while let Ok(fd) = rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            sockopt::set_tcp_nodelay(&fd, true).expect("TCP_NODELAY");
            poll.add(&fd, self.all.len() as u64, false).expect("epoll");
            let (rest, waiting) = (Vec::new(), VecDeque::new());
            self.all.push(Member { fd, upgraded: false, gone: false, rest, waiting, written: 0 });
        }
    }

    /// One write for each member.
    pub fn broadcast(&mut self, poll: &Poll, room: &str, bytes: &Rc<[u8]>) {
        if room.is_empty() {
            for index in 0..self.all.len() {
                self.send(poll, index, bytes);
            }
        } else {
            let indexes = self.rooms.remove(room).unwrap_or_default();
            for index in &indexes {
                self.send(poll, *index, bytes);
            }
            self.rooms.insert(room.to_owned(), indexes);
        }
    }

    fn send(&mut self, poll: &Poll, index: usize, bytes: &Rc<[u8]>) {
        let member = &mut self.all[index];
        if member.gone {
            return;
        }
        if !member.waiting.is_empty() {
            return member.waiting.push_back(bytes.clone());
        }
        match poll::write(&member.fd, bytes) {
            Some(sent) if sent == bytes.len() => {}
            Some(sent) => {
                member.waiting.push_back(bytes.clone());
                member.written = sent;
                poll.change(&member.fd, index as u64, true).expect("epoll");
            }
            None => self.gone(poll, index),
        }
    }

    pub fn ready(&mut self, poll: &Poll, index: usize, writable: bool) {
        if writable {
            self.write_waiting(poll, index);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(1 << 16, 0);
        match poll::read(&self.all[index].fd, &mut buffer) {
            Some(read) => {
                let mut bytes = std::mem::take(&mut self.all[index].rest);
                bytes.extend_from_slice(&buffer[..read]);
                let used = self.take(poll, index, &mut bytes);
                bytes.drain(..used);
                // An empty vector owns no memory, and most are empty.
                self.all[index].rest = if bytes.is_empty() { Vec::new() } else { bytes };
            }
            None => self.gone(poll, index),
        }
        self.buffer = buffer;
    }

    fn write_waiting(&mut self, poll: &Poll, index: usize) {
        let member = &mut self.all[index];
        while let Some(bytes) = member.waiting.front() {
            match poll::write(&member.fd, &bytes[member.written..]) {
                Some(sent) => member.written += sent,
                None => return self.gone(poll, index),
            }
            if member.written < bytes.len() {
                return;
            }
            member.written = 0;
            member.waiting.pop_front();
        }
        poll.change(&member.fd, index as u64, false).expect("epoll");
    }

    /// Answers what is complete in `bytes`; returns how much that was.
    fn take(&mut self, poll: &Poll, index: usize, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        if !self.all[index].upgraded {
            let Some(head) = frame::head_length(bytes) else { return 0 };
            self.all[index].upgraded = true;
            let answer = handshake(&bytes[..head]);
            self.send(poll, index, &answer.into());
            at = head;
        }
        while let Some(found) = frame::parse(&bytes[at..]) {
            let payload = &mut bytes[at + found.payload.start..at + found.payload.end];
            for (byte, key) in payload.iter_mut().zip(found.mask.unwrap_or_default().iter().cycle()) {
                *byte ^= key;
            }
            at += found.payload.end;
            let payload = &*payload;
            let answer: &[u8] = match payload {
                b"40" => b"40{\"sid\":\"floor\"}",
                [b'4', b'2', b'1', ..] => {
                    if let Some(room) = room_of(payload) {
                        self.join(index, room);
                    }
                    b"431[{\"ok\":true}]"
                }
                _ => continue,
            };
            let mut out = Vec::with_capacity(answer.len() + 2);
            frame::push_server(&mut out, frame::TEXT, answer);
            self.send(poll, index, &out.into());
        }
        at
    }

    fn join(&mut self, index: usize, room: &str) {
        let members = self.rooms.entry(room.to_owned()).or_default();
        if !members.contains(&index) {
            members.push(index);
        }
    }

    fn gone(&mut self, poll: &Poll, index: usize) {
        self.all[index].gone = true;
        poll.remove(&self.all[index].fd);
    }
}

/// The 101 and the open packet, in one buffer.
fn handshake(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    let open = format!(
        "0{{\"sid\":\"{:x}\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}}",
        now_ns()
    );
    frame::push_server(&mut answer, frame::TEXT, open.as_bytes());
    answer
}

fn room_of(packet: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(packet).ok()?;
    let (_, rest) = text.split_once("\"roomId\":\"")?;
    rest.split_once('"').map(|(room, _)| room)
}
