//! What clients and the application do, at random.

use std::sync::Arc;

use super::client::{Client, Stage, Way, frame, frame_of};
use super::{CLIENTS, NAMESPACES, ROOMS, Simulation, USERS};
use crate::events::Keep;
use crate::hub::core::access::Ended;
use crate::hub::core::input::{Input, Send};
use crate::hub::core::look::Question;
use crate::hub::core::socket::shard_of;
use crate::hub::emit::Outgoing;
use crate::hub::message::{Change, Selection};
use crate::hub::publish;
use crate::hub::runtime::command::Command;
use crate::protocol::socket::Kind;

impl Simulation {
    /// Something happens.
    pub(super) fn act(&mut self) {
        let count = self.clients.len() as u64;
        let at = (count > 0).then(|| self.random.below(count) as usize);
        match (self.random.below(22), at) {
            (0 | 1, _) if self.clients.len() < CLIENTS => self.come(),
            (2 | 3, Some(at)) => self.change(at),
            (4 | 5, Some(at)) => {
                let room = self.random.pick(&[0, 0, 300, 5000]);
                if !self.clients[at].is_prompt {
                    self.read(at, room);
                }
            }
            (6, Some(at)) => self.cut_off(at),
            (7, Some(at)) => self.say(at),
            (8, Some(at)) => self.be_rude(at),
            (9, Some(at)) => self.upgrade(at),
            (10, _) => self.told_by_javascript(),
            (11, _) if self.random.one_in(2) => self.ask(),
            (11, _) if self.random.one_in(4) => self.log_out(),
            (12 | 13, _) => {
                let time = self.random.below(60);
                self.pass(time);
            }
            (14, _) if self.random.one_in(4) => {
                let time = self.random.below(8000);
                self.pass(time);
            }
            _ => self.emit(),
        }
    }

    /// A client comes.
    fn come(&mut self) {
        self.number += 1;
        let user = (!self.random.one_in(4)).then(|| self.random.pick(&USERS));
        let is_prompt = self.random.one_in(2);
        self.clients.push(Client::new(self.number as usize, user, is_prompt));
        let at = self.clients.len() - 1;
        self.open(at);
        for nsp in NAMESPACES {
            // Some never ask for one.
            if self.random.one_in(2) {
                self.renew(at);
                self.clients[at].ask(nsp, &mut self.books);
            }
        }
    }

    /// A connection is cut, or dead without a sign.
    fn cut_off(&mut self, at: usize) {
        if let Way::WebSocket(pipe) = &self.clients[at].way {
            if self.random.one_in(2) {
                pipe.receive(0);
                self.dead.push(pipe.clone());
            } else {
                pipe.cut();
            }
        } else {
            self.clients[at].cut();
        }
        self.leave(at);
        let now = Self::now();
        let client = &mut self.clients[at];
        client.back_at = [now, client.back_at, now + 20_000][self.random.below(3) as usize];
        if self.random.one_in(9) {
            // Somebody else sits down at it.
            (client.user, client.ticket) = (Some(self.random.pick(&USERS)), None);
        }
        if self.random.one_in(2)
            && let Some(pipe) = self.dead.pop()
        {
            pipe.cut();
        }
    }

    fn names(list: &[&str]) -> impl Iterator<Item = Arc<str>> {
        list.iter().map(|room| Arc::from(*room))
    }

    /// Rooms, a socket, a user, or everybody.
    fn selection(&mut self) -> Selection {
        let at = self.random.below(self.clients.len().max(1) as u64) as usize;
        let id = self.clients.get(at).and_then(|client| client.parts.first()?.life.as_ref()).map(|life| life.id);
        let user = self.random.one_in(6).then(|| self.random.pick(&USERS).into());
        let rooms: Vec<Arc<str>> = match (self.random.below(7), id) {
            _ if user.is_some() && self.random.one_in(2) => Vec::new(),
            (0, _) => Vec::new(),
            (1, _) => Self::names(&["a", "b"]).collect(),
            (2, Some(id)) => vec![id.as_str().into()],
            _ => Self::names(&[self.random.pick(&ROOMS)]).collect(),
        };
        let except = if self.random.one_in(6) { Self::names(&["c"]).collect() } else { Default::default() };
        Selection { rooms: rooms.into_iter().collect(), except, user }
    }

    fn emit(&mut self) {
        let count = 1 + self.random.below(3) * self.random.below(4);
        let (to, nsp) = (self.selection(), self.random.pick(&NAMESPACES));
        for _ in 0..count {
            self.number += 1;
            let (volatile, batch) = (self.random.one_in(9), self.random.one_in(2));
            let (name, keep) = match self.random.below(5) {
                _ if volatile => ("volatile", Keep::Close),
                0 => ("close", Keep::Close),
                1 | 2 => ("line", Keep::Gap),
                _ => ("state", Keep::Latest(format!("k{}", self.random.below(3)))),
            };
            let longest = if self.random.one_in(12) { 2500 } else { 200 };
            let pad = "x".repeat(self.random.below(longest) as usize);
            // A client takes a text at the end for the mark of a place.
            let last = if self.random.one_in(4) { ",\"text\"" } else { "" };
            let text = format!("[\"{name}\",{{\"n\":{},\"pad\":\"{pad}\"}}{last}]", self.number);
            let is_accepted = publish::emit(
                &self.world.server,
                &self.world.bus,
                Outgoing {
                    nsp,
                    to: to.clone(),
                    volatile,
                    batch: batch && !volatile,
                    keep: Some(keep),
                    text: &text,
                    ..Outgoing::default()
                },
            );
            assert!(is_accepted);
        }
    }

    /// Somebody asks many, or no longer waits for their answers.
    fn ask(&mut self) {
        self.number += 1;
        let (to, nsp, volatile) = (self.selection(), self.random.pick(&NAMESPACES), self.random.one_in(4));
        let event = Outgoing { nsp, to, volatile, text: "[\"ask\",{}]", ..Outgoing::default() };
        let group = publish::ask(&self.world.server, &self.world.bus, event, self.number as f64);
        self.script.asked.push(group.expect("the server is open"));
        if self.random.one_in(2) {
            let at = self.random.below(self.script.asked.len() as u64) as usize;
            // None: all have answered.
            if self.world.server.acks.end(self.script.asked[at]).is_some() {
                self.script.asked.swap_remove(at);
            }
        }
    }

    /// Sockets are put into rooms and out of them, or thrown out.
    fn change(&mut self, at: usize) {
        let part = self.clients[at].parts.first();
        let own = part.and_then(|part| Some((part.nsp, part.life.as_ref()?.id)));
        let (nsp, to) = match own {
            Some((nsp, id)) if !self.random.one_in(4) => (nsp, Selection::room(id.as_str().into())),
            _ => (self.random.pick(&NAMESPACES), self.selection()),
        };
        let room: Arc<str> = self.random.pick(&ROOMS).into();
        let change = match self.random.below(16) {
            0 => Change::Disconnect(self.random.one_in(2)),
            1 => Change::LeaveAll,
            2 if own.is_some() => Change::Join(vec![room, own.expect("just seen").1.as_str().into()]),
            3..7 => Change::Leave(vec![room]),
            _ => Change::Join(vec![room]),
        };
        publish::change(&self.world.server, &self.world.bus, nsp, &to, &change);
    }

    /// A client says something.
    fn say(&mut self, at: usize) {
        let which = self.random.below(NAMESPACES.len() as u64) as usize;
        let nsp = NAMESPACES[which];
        let room = self.random.pick(&ROOMS);
        let ack = if self.random.one_in(2) { "7" } else { "" };
        let action = self.random.below(8);
        self.renew(at);
        let client = &mut self.clients[at];
        let to = if nsp == "/" { String::new() } else { format!("{nsp},") };
        let stage = client.part(nsp).stage;
        match stage {
            Stage::In => match action {
                0 => {
                    client.part(nsp).leave();
                    client.says.push(format!("41{to}"));
                }
                1..4 => client.says.push(format!("42{to}{ack}[\"join:room\",{{\"roomId\":\"{room}\"}}]")),
                4 => client.says.push(format!("42{to}{ack}[\"leave:room\",{{\"roomId\":\"{room}\"}}]")),
                5 => client.says.push(format!("42{to}[\"heartbeat\"]")),
                _ => client.says.push(format!("42{to}{ack}[\"hello\",{{}}]")),
            },
            Stage::Out if !matches!(client.way, Way::Away) => client.ask(nsp, &mut self.books),
            // Once more, before the answer.
            Stage::Asking if action == 0 => client.ask(nsp, &mut self.books),
            _ => {}
        }
    }

    /// A client does what no good one does.
    fn be_rude(&mut self, at: usize) {
        let (what, count) = (self.random.below(5), self.random.below(60));
        let client = &mut self.clients[at];
        match (&client.way, what) {
            (Way::WebSocket(pipe), 0) => {
                // It asks for pongs, and does not read them.
                (0..count).for_each(|_| pipe.send(&frame_of(0x89, "are you there?")));
            }
            (Way::WebSocket(pipe), 1) => pipe.send(&frame_of(0x89, "")),
            (Way::Polling { probe: Some(probe), .. }, _) => {
                (0..count * 20).for_each(|_| probe.send(&frame("2probe")));
            }
            (Way::WebSocket(_) | Way::Polling { .. }, 2) => {
                let room = ROOMS[0];
                if client.part("/").stage == Stage::In {
                    // It leaves while it is asked about.
                    client.says.push(format!("42[\"join:room\",{{\"roomId\":\"{room}\"}}]"));
                    client.says.push(format!("42[\"leave:room\",{{\"roomId\":\"{room}\"}}]"));
                }
            }
            (Way::WebSocket(_), 3) => {
                let floods = if client.part("/hear").stage == Stage::In { count } else { 0 };
                (0..floods).for_each(|_| client.says.push("42/hear,[\"flood\"]".into()));
            }
            _ => {}
        }
    }

    /// JavaScript does something with a socket that it knows.
    fn told_by_javascript(&mut self) {
        let Some(socket) = self.script.any(&mut self.random) else { return };
        let room: Arc<str> = self.random.pick(&ROOMS).into();
        let input = match self.random.below(12) {
            0 => Input::Change { socket, change: Change::Disconnect(self.random.one_in(2)) },
            1 => Input::CloseConnection { socket },
            2..5 => {
                self.books.wished.push((socket, room.clone()));
                Input::Change { socket, change: Change::Join(vec![room]) }
            }
            5 => Input::Change { socket, change: Change::LeaveAll },
            6 | 7 => Input::Change { socket, change: Change::Leave(vec![room]) },
            _ => Input::Send(Box::new(Send {
                socket,
                kind: Kind::Event,
                id: None,
                volatile: self.random.one_in(3),
                plain: false,
                text: "[\"direct\",{}]".into(),
                attachments: Vec::new(),
            })),
        };
        self.world.bus.mailboxes[shard_of(socket)].push(input);
    }

    /// A user's sessions end, or one of them.
    fn log_out(&mut self) {
        let user = self.random.pick(&USERS);
        let ended = match self.random.below(4) {
            login @ 0..2 => Ended::Session(format!("{user}'s {login}").into()),
            _ => Ended::User(user.into()),
        };
        let question = Question::End { server: self.world.server.id, ended };
        for mailbox in self.world.bus.mailboxes.iter() {
            mailbox.push(Command::Ask(question.clone(), Box::new(|_| {})));
        }
    }
}
