//! A client of the simulation: what it says, what it understands, and what it got of each namespace.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::account::{Got, stream};
use super::books::Books;
use super::pipe::Pipe;
use super::tickets::Ticket;
use crate::hub::core::effect::Answer;
use crate::hub::ids::Id;

/// How it is connected.
pub enum Way {
    /// Not at all.
    Away,
    WebSocket(Pipe),
    /// Answers to its requests; whether one is under way; the WebSocket that it tries out.
    Polling {
        answers: Arc<Mutex<Vec<Answer>>>,
        asking: bool,
        probe: Option<Pipe>,
        /// That works: it is used when no request is under way.
        works: bool,
    },
}

/// How far it is in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is not in, and does not ask.
    Out,
    Asking,
    In,
}

/// What it got of one socket.
pub struct Life {
    pub id: Id,
    pub got: Vec<Got>,
    /// It has read all there was to be read, up to its end.
    pub is_whole: bool,
}

/// Its part in one namespace.
pub struct Part {
    pub nsp: &'static str,
    pub stage: Stage,
    pub pid: Option<String>,
    /// The offset that it tells when it comes back.
    pub mark: Option<String>,
    /// The `pid` that it told with its last CONNECT.
    pub told: Option<String>,
    pub life: Option<Life>,
    /// What came before the answer to its CONNECT.
    early: Vec<String>,
    /// How many times it asked since it was in.
    asks: u32,
    /// It has left: what still comes is not looked at.
    left: bool,
}

impl Part {
    fn new(nsp: &'static str) -> Self {
        let (pid, mark, told, life) = (None, None, None, None);
        Self { nsp, stage: Stage::Out, pid, mark, told, life, early: Vec::new(), asks: 0, left: false }
    }

    /// It says that it leaves.
    pub fn leave(&mut self) {
        (self.stage, self.left, self.asks) = (Stage::Out, true, 0);
    }

    /// The last event of the log that it has.
    pub fn last(&self) -> Option<usize> {
        let got = self.life.as_ref()?.got.iter().rev();
        got.into_iter().find_map(|one| if let Got::Event(place) = one { Some(*place) } else { None })
    }
}

/// One client.
pub struct Client {
    pub name: usize,
    /// As whom it comes.
    pub user: Option<&'static str>,
    pub way: Way,
    pub sid: String,
    pub parts: Vec<Part>,
    /// What its connection's bytes hold that is no whole frame yet.
    rest: Vec<u8>,
    /// The same of the WebSocket that it tries out.
    probe_rest: Vec<u8>,
    pub is_over: bool,
    /// It reads everything at once and answers pings.
    pub is_prompt: bool,
    /// What it has to say: packets without their transport.
    pub says: Vec<String>,
    /// Lives that are over.
    pub past: Vec<Life>,
    /// The ticket that it shows next.
    pub ticket: Option<Ticket>,
    /// Its connection has shown a good one.
    pub is_entitled: bool,
    /// When it is to come back, in milliseconds.
    pub back_at: u64,
}

impl Client {
    pub fn new(name: usize, user: Option<&'static str>, is_prompt: bool) -> Self {
        Self {
            name,
            user,
            way: Way::Away,
            sid: String::new(),
            parts: Vec::new(),
            rest: Vec::new(),
            probe_rest: Vec::new(),
            is_over: false,
            is_prompt,
            says: Vec::new(),
            past: Vec::new(),
            ticket: None,
            is_entitled: false,
            back_at: 0,
        }
    }

    pub fn part(&mut self, nsp: &'static str) -> &mut Part {
        let place = self.parts.iter().position(|part| part.nsp == nsp).unwrap_or_else(|| {
            self.parts.push(Part::new(nsp));
            self.parts.len() - 1
        });
        &mut self.parts[place]
    }

    /// It asks for a namespace.
    pub fn ask(&mut self, nsp: &'static str, books: &mut Books) {
        let who = self.user.map_or("null".into(), |user| format!("\"{user}\""));
        let ticket = self.ticket.clone();
        self.is_entitled |= ticket.as_ref().is_some_and(Ticket::is_good);
        let part = self.part(nsp);
        part.stage = Stage::Asking;
        part.asks += 1;
        part.early.clear();
        part.told = part.pid.clone();
        let mut auth = format!("{{\"who\":{who}");
        if let Some(ticket) = ticket {
            auth += &format!(",\"ticket\":\"{}\"", ticket.text);
        }
        if let Some(pid) = &part.pid {
            auth += &format!(",\"pid\":\"{pid}\"");
            if let Some(mark) = &part.mark {
                auth += &format!(",\"offset\":\"{mark}\"");
            }
        }
        let last = part.last();
        if let Some(life) = &part.life
            && let Some(session) = books.sessions.get_mut(&life.id)
        {
            session.lacks = last.map_or(session.start, |last| last + 1);
        }
        let to = if nsp == "/" { String::new() } else { format!("{nsp},") };
        self.says.push(format!("40{to}{auth}}}"));
    }

    /// Its connection is gone.
    pub fn lose(&mut self) {
        self.way = Way::Away;
        self.sid.clear();
        self.rest.clear();
        self.probe_rest.clear();
        self.says.clear();
        (self.is_over, self.is_entitled) = (false, false);
        for part in &mut self.parts {
            (part.stage, part.asks, part.left) = (Stage::Out, 0, false);
            part.early.clear();
        }
    }

    /// Bytes of WebSocket frames. `probe`: of the one that it tries out.
    pub fn frames(&mut self, bytes: &[u8], probe: bool, books: &Books) {
        let mut rest = std::mem::take(if probe { &mut self.probe_rest } else { &mut self.rest });
        rest.extend_from_slice(bytes);
        while let Some((frame, header)) = take_frame(&mut rest) {
            let payload = &frame[header..];
            match frame[0] {
                0x81 => self.packet(std::str::from_utf8(payload).unwrap(), books),
                0x88 if !probe => self.is_over = true,
                0x88 => {
                    // The server is not interested any more: it goes on by polling.
                    if let Way::Polling { probe, works, .. } = &mut self.way {
                        (*probe, *works) = (None, false);
                    }
                }
                0x8a => {}
                other => panic!("client {}: a frame of type {other:x}", self.name),
            }
        }
        *if probe { &mut self.probe_rest } else { &mut self.rest } = rest;
    }

    /// One Engine.IO packet.
    pub fn packet(&mut self, packet: &str, books: &Books) {
        match packet.split_at(1) {
            ("0", open) => {
                let open: Value = serde_json::from_str(open).unwrap();
                self.sid = open["sid"].as_str().unwrap().to_owned();
            }
            ("1", _) => self.is_over = true,
            ("2", _) => self.says.push("3".into()),
            ("3", "probe") => {
                if let Way::Polling { works, .. } = &mut self.way {
                    *works = true;
                }
            }
            ("6", _) => {}
            ("4", rest) => self.message(packet, rest, books),
            _ => panic!("client {}: packet {packet}", self.name),
        }
    }

    /// It uses the WebSocket that it tried out.
    pub fn switch(&mut self) {
        let Way::Polling { probe: Some(pipe), .. } = &self.way else { return };
        let pipe = pipe.clone();
        pipe.send(&frame("5"));
        self.rest = std::mem::take(&mut self.probe_rest);
        self.way = Way::WebSocket(pipe);
    }

    fn message(&mut self, packet: &str, message: &str, books: &Books) {
        let (kind, rest) = message.split_at(1);
        let (nsp, data) = if rest.starts_with('/') { rest.split_once(',').unwrap() } else { ("/", rest) };
        let name = self.name;
        let place = self.parts.iter().position(|part| part.nsp == nsp);
        let part = &mut self.parts[place.unwrap_or_else(|| panic!("client {name}: {packet}"))];
        match kind {
            "0" => {
                assert!(part.asks > 0 && part.stage != Stage::In, "client {name}: let in without having asked");
                assert!(self.is_entitled || !books.needs_ticket, "client {name}: let in without a ticket");
                let answer: Value = serde_json::from_str(data).unwrap();
                let id = Id::parse(answer["sid"].as_str().unwrap()).unwrap();
                let pid = answer["pid"].as_str().map(str::to_owned);
                let user = books.sessions.get(&id).and_then(|session| session.user.as_deref());
                assert!(
                    user.is_none() || user == self.user,
                    "client {name} is {:?}, and was taken for {user:?}",
                    self.user
                );
                assert!(user.is_some() || !books.needs_ticket, "client {name}: its ticket does not count");
                (part.stage, part.asks, part.left) = (Stage::In, part.asks - 1, false);
                let is_back = pid.is_some() && part.told == pid;
                if is_back {
                    let last = part.last();
                    let life = part.life.as_mut().expect("it has a pid of it");
                    assert_eq!(life.id, id, "client {name}: recovered as another socket");
                    life.got.push(Got::Back(last.map_or(0, |last| last + 1)));
                } else {
                    assert!(part.early.is_empty(), "client {name}: events before the answer, and not recovered");
                    assert!(part.life.as_ref().is_none_or(|life| life.id != id), "client {name}: the same id anew");
                    self.past.extend(part.life.replace(Life { id, got: Vec::new(), is_whole: false }));
                    part.mark = None;
                }
                part.pid = pid;
                for packet in std::mem::take(&mut part.early) {
                    take(name, part, &packet, books);
                }
            }
            "1" => {
                // Who only asks may be told it too, when its connection ends.
                let was_in = part.stage == Stage::In;
                part.stage = Stage::Out;
                if let Some(life) = part.life.as_mut().filter(|_| was_in) {
                    life.is_whole = true;
                }
            }
            "2" if part.stage == Stage::In => {
                take(name, part, packet, books);
                self.says.extend(answer(nsp, data));
            }
            "2" if part.left => {}
            "2" => {
                assert!(part.asks > 0, "client {name} is not in: {packet}");
                part.early.push(packet.to_owned());
            }
            "3" => {}
            "4" if part.stage != Stage::In => part.stage = Stage::Out,
            _ => panic!("client {name}: {packet}"),
        }
    }
}

/// The answer to an event that asks for one; some are never given, or given twice.
fn answer(nsp: &str, data: &str) -> Vec<String> {
    let Some((id, _)) = data.split_once("[\"ask\"") else { return Vec::new() };
    let to = if nsp == "/" { String::new() } else { format!("{nsp},") };
    let times = [1, 1, 1, 0, 2][id.parse::<usize>().expect("an id") % 5];
    vec![format!("43{to}{id}[\"answer\"]"); times]
}

/// An event: one of the log, or one for this client alone.
fn take(name: usize, part: &mut Part, packet: &str, books: &Books) {
    let last = part.last();
    let Some(life) = &mut part.life else { return };
    match books.places.get(packet) {
        Some(places) => {
            let place = places.iter().find(|place| last.is_none_or(|last| **place > last)).or(places.last());
            life.got.push(Got::Event(*place.unwrap()));
        }
        None => {
            let data = &packet[packet.find('[').unwrap()..];
            let event: Value = serde_json::from_str(data).unwrap();
            match event[0].as_str().unwrap() {
                "gap" => {
                    let gap = if event[1]["data"].is_object() { &event[1]["data"] } else { &event[1] };
                    let of = stream(gap["event"].as_str().unwrap(), gap["room"].as_str());
                    life.got.push(Got::Gap(of, gap["count"].as_u64().unwrap()));
                }
                "error" | "pong" | "direct" | "ask" => {}
                _ => panic!("client {name}: nobody emitted {packet}"),
            }
        }
    }
    // As the official client: any text behind an event is a mark to it.
    if part.pid.is_some()
        && let Some(rest) = packet.strip_suffix("\"]")
        && let Some(at) = rest.rfind('"')
    {
        part.mark = Some(rest[at + 1..].to_owned());
    }
}

/// A text frame as a client sends it.
pub fn frame(packet: &str) -> Vec<u8> {
    frame_of(0x81, packet)
}

/// A frame as a client sends it, of a type.
pub fn frame_of(kind: u8, packet: &str) -> Vec<u8> {
    let mut frame = vec![kind];
    match packet.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(packet.as_bytes());
    frame
}

/// Takes the first whole frame; also how long its head is.
fn take_frame(rest: &mut Vec<u8>) -> Option<(Vec<u8>, usize)> {
    let (header, length) = match *rest.get(1)? {
        126 => (4, usize::from(*rest.get(2)?) << 8 | usize::from(*rest.get(3)?)),
        127 => panic!("no frame is so large"),
        length => (2, usize::from(length)),
    };
    (rest.len() >= header + length).then(|| (rest.drain(..header + length).collect(), header))
}
