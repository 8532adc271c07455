//! What JavaScript is in the simulation: it answers late and at random, lets users in or not, and takes its time with what it
//! is told.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::Random;
use super::books::Books;
use super::node::World;
use crate::hub::account::Credit;
use crate::hub::acks::GroupId;
use crate::hub::clock;
use crate::hub::core::access::Identity;
use crate::hub::core::input::Input;
use crate::hub::core::socket::shard_of;
use crate::hub::event::{Event, Sink, SocketKey};

/// Events on their way to JavaScript.
#[derive(Default)]
pub struct Inbox(Mutex<Vec<Event>>);

impl Sink for Inbox {
    fn push(&self, event: Event) {
        self.0.lock().push(event);
    }
}

/// What it was asked.
enum Question {
    /// About a socket, and the user that its client says it is.
    Socket(SocketKey, Option<String>),
    /// About a room.
    Room(SocketKey, u32, Arc<str>),
}

/// What JavaScript knows of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Asked,
    Accepted,
    Denied,
}

#[derive(Default)]
pub struct Script {
    inbox: Arc<Inbox>,
    questions: Vec<(Question, Credit)>,
    held: Vec<Credit>,
    known: HashMap<SocketKey, Known>,
    /// Events to which it awaits many answers.
    pub asked: Vec<GroupId>,
}

impl Script {
    pub fn inbox(&self) -> Arc<Inbox> {
        self.inbox.clone()
    }

    /// A socket that it knows to be in.
    pub fn any(&self, random: &mut Random) -> Option<SocketKey> {
        let mut keys: Vec<SocketKey> =
            self.known.iter().filter(|(_, known)| **known == Known::Accepted).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        (!keys.is_empty()).then(|| keys[random.below(keys.len() as u64) as usize])
    }

    /// Takes in what it was told.
    pub fn listen(&mut self) {
        for event in std::mem::take(&mut *self.inbox.0.lock()) {
            match event {
                Event::Connecting(arrival) => {
                    let before = self.known.insert(arrival.socket, Known::Asked);
                    assert_eq!(before, None, "asked twice about a socket");
                    let info: Value = serde_json::from_str(&arrival.info).expect("JSON");
                    let who = info["auth"]["who"].as_str().map(str::to_owned);
                    self.questions.push((Question::Socket(arrival.socket, who), arrival.credit));
                }
                Event::Connect(arrival) => {
                    let before = self.known.insert(arrival.socket, Known::Accepted);
                    assert_eq!(before, None, "told twice of a socket");
                    self.held.push(arrival.credit);
                }
                Event::Packet(packet) => {
                    assert!(self.known.contains_key(&packet.socket), "an event of a socket that it does not know");
                    self.held.push(packet.credit);
                }
                Event::Join(join) => {
                    self.questions.push((Question::Room(join.socket, join.token, join.room), join.credit));
                }
                Event::Disconnect(socket, _, credit) => {
                    let known = self.known.remove(&socket);
                    assert!(known.is_some(), "the end of a socket that it does not know, or the second one");
                    self.held.push(credit);
                }
                Event::Answers(group, _, credit) => {
                    let place = self.asked.iter().position(|asked| *asked == group);
                    self.asked.swap_remove(place.expect("answers to nothing that was asked, or given up"));
                    self.held.push(credit);
                }
                Event::Room(_, credit)
                | Event::Stay(_, credit)
                | Event::Fault(_, _, credit)
                | Event::Refused(_, credit) => self.held.push(credit),
                Event::Line(line) => self.held.push(line.credit),
                Event::Namespace(_) | Event::Log(_) | Event::Closed(_) | Event::Asked(_) => {}
            }
        }
    }

    /// Answers some of what it was asked, and catches up with some of what it was told; or (`whole`) with all of it.
    pub fn work(&mut self, world: &World, books: &mut Books, random: &mut Random, whole: bool) {
        self.listen();
        if whole {
            self.held.clear();
        }
        while !self.held.is_empty() && random.one_in(2) {
            self.held.swap_remove(random.below(self.held.len() as u64) as usize);
        }
        while !self.questions.is_empty() && (whole || random.one_in(2)) {
            let (question, _credit) = self.questions.swap_remove(random.below(self.questions.len() as u64) as usize);
            match question {
                Question::Socket(key, who) => self.decide(world, books, random, key, who),
                Question::Room(socket, token, room) => {
                    let error = random.one_in(3).then(|| "no".to_owned());
                    if error.is_some() {
                        books.refused.push((socket, room));
                    }
                    world.bus.mailboxes[shard_of(socket)].push(Input::Joined { socket, token, error });
                }
            }
        }
    }

    fn decide(&mut self, world: &World, books: &mut Books, random: &mut Random, key: SocketKey, who: Option<String>) {
        let mailbox = &world.bus.mailboxes[shard_of(key)];
        let denies = random.one_in(7);
        if let Some(known) = self.known.get_mut(&key) {
            *known = if denies { Known::Denied } else { Known::Accepted };
        }
        if denies {
            mailbox.push(Input::Deny { socket: key, error: "{\"message\":\"no\"}".into() });
        } else {
            let user: Option<Arc<str>> = who.filter(|_| !random.one_in(12)).map(Into::into);
            let until = (random.one_in(5) && user.is_some()).then(|| clock::now().wall + random.below(6000) as i64);
            let session = user.as_ref().map(|user| format!("{user}'s {}", random.below(2)).into());
            let identity = Identity { user, session, until, rooms: None };
            books.accepted.insert(key, identity.clone());
            mailbox.push(Input::Accept { socket: key, identity });
        }
        world.server.release_decision();
    }

    /// How many sockets it knows of that have not ended for it.
    pub fn sockets(&self) -> usize {
        self.known.values().filter(|known| **known != Known::Denied).count()
    }
}
