//! How the simulation's clients speak with shards: over pipes instead of WebSockets' connections, and by polling requests.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Simulation;
use super::client::{Client, Way, frame};
use super::pipe::Pipe;
use crate::guard::gate::Seat;
use crate::hub::core::effect::{Answer, Respond};
use crate::hub::core::input::{Input, Purpose, SessionRequest};
use crate::hub::ids::Id;
use crate::protocol::request::Request;

fn request() -> Request {
    Request { method: "GET".into(), url: "/socket.io/?EIO=4".into(), remote: "127.0.0.1".into(), ..Request::default() }
}

fn respond(answers: &Arc<Mutex<Vec<Answer>>>) -> Respond {
    let answers = answers.clone();
    Box::new(move |answer| answers.lock().push(answer))
}

impl Client {
    /// Its end of every connection is gone.
    pub fn cut(&self) {
        match &self.way {
            Way::WebSocket(pipe) | Way::Polling { probe: Some(pipe), .. } => pipe.cut(),
            _ => {}
        }
    }
}

impl Simulation {
    fn seat(&self) -> Seat {
        self.world.server.admit(&request()).expect("there is no limit")
    }

    /// Any shard: it is the operating system that chooses.
    fn any_shard(&mut self) -> usize {
        self.random.below(self.nodes.len() as u64) as usize
    }

    /// A client opens a session.
    pub(super) fn open(&mut self, at: usize) {
        let shard = self.any_shard();
        if self.random.one_in(3) {
            let answers = Arc::new(Mutex::new(Vec::new()));
            let (server, request, seat) = (self.world.server.clone(), Box::new(request()), self.seat());
            let input = Input::OpenPolling { server, request, seat, respond: respond(&answers) };
            self.world.bus.mailboxes[shard].push(input);
            self.clients[at].way = Way::Polling { answers, asking: true, probe: None, works: false };
        } else {
            let pipe = Pipe::default();
            pipe.receive(usize::MAX);
            let purpose = Purpose::Open(Box::new(request()), self.seat());
            self.nodes[shard].websocket(&self.world, &mut self.books, &pipe, purpose);
            self.clients[at].way = Way::WebSocket(pipe);
        }
    }

    /// A polling client tries a WebSocket out.
    pub(super) fn upgrade(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let Way::Polling { probe, .. } = &mut client.way else { return };
        let Some(sid) = Id::parse(&client.sid).filter(|_| probe.is_none()) else { return };
        let pipe = Pipe::default();
        pipe.receive(usize::MAX);
        *probe = Some(pipe.clone());
        let purpose = Purpose::Probe { sid: client.sid.clone(), current: true, websocket: true, request: None };
        let node = &mut self.nodes[sid.shard(self.world.bus.mailboxes.len())];
        node.websocket(&self.world, &mut self.books, &pipe, purpose);
        pipe.send(&frame("2probe"));
    }

    fn request(&mut self, at: usize, method: &str) {
        let client = &mut self.clients[at];
        let Way::Polling { answers, .. } = &client.way else { return };
        let Some(sid) = Id::parse(&client.sid) else { return };
        self.number += 1;
        let (id, server, respond) = (self.number, self.world.server.clone(), respond(answers));
        let mailbox = &self.world.bus.mailboxes[sid.shard(self.nodes.len())];
        mailbox.push(Input::Request(Box::new(SessionRequest {
            server,
            sid,
            id,
            method: method.into(),
            websocket: false,
            current: true,
            binary: false,
            respond,
        })));
        if method == "POST" {
            let body = std::mem::take(&mut client.says).join("\u{1e}");
            mailbox.push(Input::Body { sid, id, body: body.into() });
        }
    }

    /// A client takes what is there, up to `room` bytes, answers, and asks for more.
    pub(super) fn read(&mut self, at: usize, room: usize) {
        let answered = self.hear(at, room);
        let client = &mut self.clients[at];
        match &mut client.way {
            Way::Away => {}
            Way::WebSocket(pipe) => {
                for packet in std::mem::take(&mut client.says) {
                    pipe.send(&frame(&packet));
                }
                if client.is_over {
                    pipe.cut();
                }
            }
            Way::Polling { asking, probe, works, .. } => {
                *asking &= !answered;
                let (polls, works) = (!*asking, *works && probe.is_some());
                if client.is_over || client.sid.is_empty() {
                    return;
                }
                if polls && works {
                    return client.switch();
                }
                *asking = true;
                if !client.says.is_empty() {
                    self.request(at, "POST");
                }
                if polls {
                    self.request(at, "GET");
                }
            }
        }
    }

    /// It takes what is there. True: a poll was answered.
    fn hear(&mut self, at: usize, room: usize) -> bool {
        let client = &mut self.clients[at];
        match &client.way {
            Way::Away => false,
            Way::WebSocket(pipe) => {
                let pipe = pipe.clone();
                // What was sent before the end is there before it.
                let is_over = pipe.is_ended();
                client.frames(&pipe.receive(room), false, &self.books);
                client.is_over |= is_over;
                false
            }
            Way::Polling { answers, probe, .. } => {
                let (answers, probe) = (std::mem::take(&mut *answers.lock()), probe.clone());
                let answered = answers.iter().any(|answer| matches!(answer, Answer::Payload { .. }));
                for answer in answers {
                    match answer {
                        Answer::Payload { body, .. } => {
                            let body = String::from_utf8(body).unwrap();
                            body.split('\u{1e}').for_each(|packet| client.packet(packet, &self.books));
                        }
                        Answer::Ok => {}
                        _ => client.is_over = true,
                    }
                }
                if let Some(pipe) = probe {
                    let is_over = pipe.is_ended();
                    client.frames(&pipe.receive(usize::MAX), true, &self.books);
                    if let Way::Polling { probe, works, .. } = &mut client.way
                        && is_over
                    {
                        (*probe, *works) = (None, false);
                    }
                }
                answered
            }
        }
    }

    pub(super) fn read_promptly(&mut self) {
        for at in 0..self.clients.len() {
            if self.clients[at].is_prompt {
                self.read(at, usize::MAX);
            }
        }
    }

    /// Those whose connection is over come back later, or not at all.
    pub(super) fn bury(&mut self) {
        for at in (0..self.clients.len()).rev() {
            if !self.clients[at].is_over {
                continue;
            }
            self.clients[at].cut();
            self.leave(at);
        }
    }

    /// A client has no connection any more.
    pub(super) fn leave(&mut self, at: usize) {
        let wait = self.random.below(3000);
        let client = &mut self.clients[at];
        client.lose();
        client.back_at = Self::now() + wait;
    }

    /// Those who are away come back.
    pub(super) fn come_back(&mut self) {
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if matches!(client.way, Way::Away) && client.back_at <= Self::now() {
                self.open(at);
                let client = &self.clients[at];
                let parts: Vec<&'static str> = client.parts.iter().map(|part| part.nsp).collect();
                for nsp in parts {
                    self.renew(at);
                    self.clients[at].ask(nsp, &mut self.books);
                }
            }
        }
    }
}
