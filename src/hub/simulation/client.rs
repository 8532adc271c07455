//! A client of the simulation, and the account of what it must get.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::pipe::Pipe;
use crate::hub::command::Answer;

/// What may happen to an event, in the account's terms.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Close,
    Gap { room: String },
    Latest { key: String },
    Volatile,
}

/// How it is connected.
pub enum Way {
    WebSocket(Pipe),
    /// Answers to its requests; whether one is under way.
    Polling {
        answers: Arc<Mutex<Vec<Answer>>>,
        asking: bool,
    },
}

/// One client.
pub struct Client {
    pub name: usize,
    pub way: Way,
    pub sid: String,
    pub socket: String,
    /// What its connection's bytes hold that is no whole frame yet.
    rest: Vec<u8>,
    /// In emit order: number and fate of all that it is to get.
    pub expected: Vec<(u64, Fate)>,
    pub got: Vec<u64>,
    /// By room: how many events gap events told of.
    gaps: BTreeMap<String, u64>,
    pub is_over: bool,
    /// It reads everything at once and answers pings.
    pub is_prompt: bool,
    /// What it has to say: packets without their transport.
    pub says: Vec<String>,
}

impl Client {
    pub fn new(name: usize, way: Way, is_prompt: bool) -> Self {
        Self {
            name,
            way,
            sid: String::new(),
            socket: String::new(),
            rest: Vec::new(),
            expected: Vec::new(),
            got: Vec::new(),
            gaps: BTreeMap::new(),
            is_over: false,
            is_prompt,
            says: Vec::new(),
        }
    }

    /// Bytes of WebSocket frames.
    pub fn frames(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        loop {
            let rest = &self.rest;
            let header = match rest.get(1) {
                None => return,
                Some(126) => 4,
                Some(127) => 10,
                Some(_) => 2,
            };
            if rest.len() < header {
                return;
            }
            let length = match header {
                4 => usize::from(rest[2]) << 8 | usize::from(rest[3]),
                10 => panic!("no frame is so large"),
                _ => usize::from(rest[1]),
            };
            if rest.len() < header + length {
                return;
            }
            let frame: Vec<u8> = self.rest.drain(..header + length).collect();
            match frame[0] {
                0x81 => self.packet(std::str::from_utf8(&frame[header..]).unwrap()),
                0x88 => self.is_over = true,
                other => panic!("client {}: a frame of type {other:x}", self.name),
            }
        }
    }

    /// One Engine.IO packet.
    pub fn packet(&mut self, packet: &str) {
        match packet.split_at(1) {
            ("0", open) => {
                let open: Value = serde_json::from_str(open).unwrap();
                self.sid = open["sid"].as_str().unwrap().to_owned();
            }
            ("1", _) => self.is_over = true,
            ("2", _) => self.says.push("3".into()),
            ("6", _) => {}
            ("4", rest) => self.message(rest),
            _ => panic!("client {}: packet {packet}", self.name),
        }
    }

    fn message(&mut self, message: &str) {
        match message.split_at(1) {
            ("0", connected) => {
                let connected: Value = serde_json::from_str(connected).unwrap();
                self.socket = connected["sid"].as_str().unwrap().to_owned();
            }
            ("2", event) => {
                let event: Value = serde_json::from_str(event).unwrap();
                if event[0] == "gap" {
                    let room = event[1]["room"].as_str().unwrap_or_default().to_owned();
                    *self.gaps.entry(room).or_default() += event[1]["count"].as_u64().unwrap();
                } else {
                    self.take(event[1]["n"].as_u64().unwrap());
                }
            }
            ("1", _) => self.is_over = true,
            _ => panic!("client {}: message {message}", self.name),
        }
    }

    /// An event: in order, once, and its gap before it if there is one.
    fn take(&mut self, number: u64) {
        let known = self.expected.iter().find(|(expected, _)| *expected == number);
        let (_, fate) = known.unwrap_or_else(|| panic!("client {}: {number} was not for it", self.name)).clone();
        assert!(
            self.got.last().is_none_or(|last| *last < number),
            "client {}: {number} after {:?}",
            self.name,
            self.got
        );
        self.got.push(number);
        if let Fate::Gap { room } = &fate {
            let told = self.gaps.get(room).copied().unwrap_or(0);
            assert_eq!(self.missing(room, number), told, "client {}: lines of {room} before {number}", self.name);
        }
    }

    fn missing(&self, wanted: &str, before: u64) -> u64 {
        let lines = self.expected.iter().filter(|(number, fate)| {
            *number < before && matches!(fate, Fate::Gap { room } if room == wanted) && !self.got.contains(number)
        });
        lines.count() as u64
    }

    /// All that the client should have has had its chance.
    pub fn settle_accounts(&self) {
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for (number, fate) in &self.expected {
            match fate {
                Fate::Close => assert!(self.got.contains(number), "client {}: {number} is lost", self.name),
                Fate::Latest { key } => {
                    newest.insert(key, *number);
                }
                Fate::Gap { room } => {
                    let told = self.gaps.get(room).copied().unwrap_or(0);
                    assert_eq!(self.missing(room, u64::MAX), told, "client {}: lines of {room}", self.name);
                }
                Fate::Volatile => {}
            }
        }
        for (key, number) in newest {
            assert!(self.got.contains(&number), "client {}: {number}, the newest of {key}, is lost", self.name);
        }
    }
}
