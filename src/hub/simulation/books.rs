//! What happened, as the simulation saw it: all messages in the order of the bus, and who was where when. From that follows
//! what each socket must have got, and whether it may be taken up again.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Refusal, Stretch};
use crate::hub::core::Core;
use crate::hub::core::access::{Ended, Identity};
use crate::hub::core::input::Input;
use crate::hub::core::socket::Socket;
use crate::hub::event::SocketKey;
use crate::hub::ids::Id;
use crate::hub::message::{Change, Message};
use crate::protocol::frame;

/// Why something changed in a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Events were handed out, or written: nobody comes into a room by that.
    Settling,
    /// A message of the bus.
    Log,
    /// A client said something, or is gone.
    Client,
    /// JavaScript decided on a socket.
    Accepted(SocketKey),
    /// JavaScript threw a socket out.
    Kicked(SocketKey),
    /// JavaScript or another shard said something else.
    Told,
    /// Something was due.
    Time,
    /// A logout.
    Ending,
}

impl Cause {
    pub fn of(input: &Input) -> Self {
        match input {
            Input::Accept { socket, .. } => Self::Accepted(*socket),
            Input::Change { socket, change: Change::Disconnect(_) } => Self::Kicked(*socket),
            _ => Self::Told,
        }
    }
}

/// One message of the bus.
pub struct Entry {
    pub message: Arc<Message>,
    /// An event's packet.
    pub text: String,
}

/// A socket, from when it was let in, over all times that its client was away.
pub struct Session {
    pub nsp: u32,
    pub user: Option<Arc<str>>,
    /// By which logouts of one session know it, when it was last let in.
    login: Option<Arc<str>>,
    pub pid: Option<Id>,
    /// How many messages its shard had handled when it was let in.
    pub start: usize,
    /// What was done to it alone: how many messages its shard had handled then, the room, and whether it came into it.
    pub moves: Vec<(usize, Arc<str>, bool)>,
    /// Rooms that JavaScript refused when it came back.
    pub refusals: Vec<Refusal>,
    /// On which shard it is, or was last.
    pub shard: usize,
    /// It is in.
    pub present: bool,
    /// How many messages its shard had handled when it was gone.
    pub end: usize,
    /// Its user was logged out, or it was thrown out.
    pub is_ended: bool,
    /// The first message that its client may lack, by what it says.
    pub lacks: usize,
    /// It was not given all that it missed when it was last looked at.
    pub is_behind: bool,
}

/// A socket that is in, as it was when it was last looked at.
struct Known {
    key: SocketKey,
    id: Id,
    rooms: Vec<Arc<str>>,
    /// It is in its own room.
    is_shown: bool,
    stamp: u64,
}

impl Known {
    /// Its own, too.
    fn all_rooms(&self) -> Vec<Arc<str>> {
        self.rooms.iter().cloned().chain(self.is_shown.then(|| self.id.as_str().into())).collect()
    }
}

#[derive(Default)]
struct Shard {
    /// How many messages it has handled.
    handled: usize,
    known: Vec<Known>,
    /// How many logouts it has handled.
    logouts: HashMap<Ended, usize>,
}

/// The books.
#[derive(Default)]
pub struct Books {
    pub log: Vec<Entry>,
    /// By the packet: where it is in the log.
    pub places: HashMap<String, Vec<usize>>,
    pub sessions: HashMap<Id, Session>,
    shards: Vec<Shard>,
    stamp: u64,
    /// Questions about sockets that JavaScript has not answered: how many logouts their shard had handled.
    pub asked: HashMap<SocketKey, HashMap<Ended, usize>>,
    /// What JavaScript will say, or said: who a socket is, and the rooms that it refused.
    pub accepted: HashMap<SocketKey, Identity>,
    pub refused: Vec<(SocketKey, Arc<str>)>,
    /// Rooms into which JavaScript put sockets, perhaps before they were in.
    pub wished: Vec<(SocketKey, Arc<str>)>,
    /// How often a socket was taken up again.
    pub returns: usize,
    /// Nobody is let in without a ticket.
    pub needs_ticket: bool,
}

fn is_behind(socket: &Socket) -> bool {
    socket.track.as_ref().is_some_and(|track| track.replay.is_some())
}

impl Books {
    pub fn new(shards: usize, needs_ticket: bool) -> Self {
        Self { shards: (0..shards).map(|_| Shard::default()).collect(), needs_ticket, ..Self::default() }
    }

    /// A shard takes a message in.
    pub fn handles(&mut self, shard: usize, message: &Arc<Message>) {
        let place = self.shards[shard].handled;
        self.shards[shard].handled += 1;
        if let Some(known) = self.log.get(place) {
            return assert!(Arc::ptr_eq(&known.message, message), "shards get messages in different orders");
        }
        let mut text = String::new();
        if let Some(event) = message.event() {
            frame::each(event.run.bytes(), |packet| text.push_str(std::str::from_utf8(packet.payload).unwrap()));
            self.places.entry(text.clone()).or_default().push(place);
        }
        self.log.push(Entry { message: message.clone(), text });
    }

    /// How many messages a shard has handled.
    pub fn handled(&self, shard: usize) -> usize {
        self.shards[shard].handled
    }

    /// Looks at who is in, and where.
    pub fn observe(&mut self, shard: usize, core: &Core, cause: Cause) {
        if cause == Cause::Settling && core.joined().count() == self.shards[shard].known.len() {
            return;
        }
        self.stamp += 1;
        let stamp = self.stamp;
        let mut came = Vec::new();
        for (key, socket) in core.joined() {
            match self.shards[shard].known.iter_mut().find(|known| known.key == key) {
                Some(known) => {
                    known.stamp = stamp;
                    let session = self.sessions.get_mut(&known.id).expect("it is known");
                    session.is_behind = is_behind(socket);
                    let is_shown = core.is_shown(socket);
                    if is_shown != known.is_shown || !socket.rooms.keys().eq(known.rooms.iter()) {
                        let before = known.all_rooms();
                        known.rooms = socket.rooms.keys().cloned().collect();
                        known.is_shown = is_shown;
                        let (id, now) = (known.id, known.all_rooms());
                        if cause != Cause::Log {
                            self.moved(shard, id, &before, &now);
                        }
                    }
                }
                None => came.push((key, socket)),
            }
        }
        let handled = self.shards[shard].handled;
        let sessions = &mut self.sessions;
        self.shards[shard].known.retain(|known| {
            let stays = known.stamp == stamp;
            if let Some(session) = sessions.get_mut(&known.id).filter(|_| !stays) {
                (session.present, session.end) = (false, handled);
                session.is_ended |= cause == Cause::Kicked(known.key);
            }
            stays
        });
        for (key, socket) in came {
            let rooms = socket.rooms.keys().cloned().collect();
            let known = Known { key, id: socket.id, rooms, is_shown: core.is_shown(socket), stamp };
            self.came(shard, core, &known, socket);
            self.shards[shard].known.push(known);
        }
    }

    /// A socket's rooms were changed, by something that concerned it alone.
    fn moved(&mut self, shard: usize, id: Id, before: &[Arc<str>], now: &[Arc<str>]) {
        let handled = self.shards[shard].handled;
        let session = self.sessions.get_mut(&id).expect("it is known");
        for room in before.iter().filter(|room| !now.contains(room)) {
            session.moves.push((handled, room.clone(), false));
        }
        for room in now.iter().filter(|room| !before.contains(room)) {
            session.moves.push((handled, room.clone(), true));
        }
    }

    /// A socket is let in.
    fn came(&mut self, shard: usize, core: &Core, known: &Known, socket: &Socket) {
        let (key, now) = (known.key, known.all_rooms());
        let handled = self.shards[shard].handled;
        let pid = socket.track.as_ref().map(|track| track.pid);
        let login = core.login(key);
        if let Some(identity) = self.accepted.get(&key) {
            assert_eq!(identity.user, socket.user, "a socket is somebody else's than JavaScript said");
        }
        let Some(session) = self.sessions.get_mut(&socket.id) else {
            let moves = now.into_iter().map(|room| (handled, room, true)).collect();
            self.sessions.insert(
                socket.id,
                Session {
                    nsp: socket.nsp.id,
                    user: socket.user.clone(),
                    login,
                    pid,
                    start: handled,
                    moves,
                    refusals: Vec::new(),
                    shard,
                    present: true,
                    end: usize::MAX,
                    is_ended: false,
                    lacks: handled,
                    is_behind: false,
                },
            );
            return;
        };
        assert!(!session.present, "two sockets have one id");
        assert_eq!(session.user, socket.user, "an id was given to another user");
        assert_eq!((session.nsp, session.pid), (socket.nsp.id, pid), "an id was given to another session");
        assert!(!session.is_ended, "a session was taken up again that was ended");
        assert!(socket.nsp.memory.is_some(), "only with recovery does one come back");
        let Some(rooms) = Stretch::of(session).rooms(&self.log, handled) else {
            panic!("a session was taken up again although it was kicked");
        };
        for room in rooms.iter().filter(|room| !now.contains(room)) {
            let refused = self.refused.iter().any(|(who, what)| *who == key && what == room);
            assert!(refused || core.is_kept_out(key, room), "room {room} was lost on the way back; of {rooms:?}");
            session.moves.push((handled, room.clone(), false));
            session.refusals.push(Refusal { room: room.clone(), from: session.lacks, at: handled });
        }
        for room in now.iter().filter(|room| !rooms.contains(room)) {
            let wished = self.wished.iter().any(|(who, what)| *who == key && what == room);
            assert!(wished || **room == *socket.id.as_str(), "room {room} was given by the way back; beside {rooms:?}");
            session.moves.push((handled, room.clone(), true));
        }
        (session.present, session.shard, session.end, session.login) = (true, shard, usize::MAX, login);
        session.is_behind = is_behind(socket);
        self.returns += 1;
    }

    /// Something was told to a core.
    pub fn after(&mut self, shard: usize, core: &Core, cause: &Cause) {
        let Cause::Accepted(key) = cause else { return };
        let asked = self.asked.remove(key).unwrap_or_default();
        let Some(identity) = self.accepted.get(key) else { return };
        let count = |of: &HashMap<Ended, usize>| -> usize {
            of.iter().filter(|(ended, _)| ended.is_of(identity)).map(|(_, count)| count).sum()
        };
        if count(&self.shards[shard].logouts) > count(&asked) {
            assert!(core.joined().all(|(joined, _)| joined != *key), "let in with what was seen before the logout");
        }
    }

    /// JavaScript is asked about a socket.
    pub fn asks(&mut self, key: SocketKey, shard: usize) {
        self.asked.insert(key, self.shards[shard].logouts.clone());
    }

    /// A shard has handled a logout. `here`: the sessions that it had before; one that is on its way to another shard ends
    /// there.
    pub fn ended(&mut self, shard: usize, core: &Core, ended: &Ended, here: &[Id]) {
        *self.shards[shard].logouts.entry(ended.clone()).or_default() += 1;
        let survives = core.identities().any(|identity| ended.is_of(identity));
        assert!(!survives, "a connection has survived the logout of whom it is");
        assert!(!core.remembers(ended), "a session has survived the logout of whom it is");
        for (id, session) in &mut self.sessions {
            let is_theirs = match ended {
                Ended::User(user) => session.user.as_ref() == Some(user),
                Ended::Session(login) => session.login.as_ref() == Some(login),
            };
            session.is_ended |= here.contains(id) && is_theirs;
        }
    }

    /// What always holds.
    pub fn check(&self, shard: usize) {
        let handled = self.shards[shard].handled;
        for known in &self.shards[shard].known {
            let session = &self.sessions[&known.id];
            let rooms = Stretch::of(session).rooms(&self.log, handled);
            let mut rooms = rooms.expect("it was kicked and is still there");
            let mut own = known.all_rooms();
            rooms.sort_unstable();
            own.sort_unstable();
            assert_eq!(own, rooms, "rooms of a socket");
        }
    }

    /// Rooms that somebody is in, on any shard.
    pub fn inhabited(&self) -> Vec<(u32, Arc<str>)> {
        let mut found = Vec::new();
        for known in self.shards.iter().flat_map(|shard| &shard.known) {
            let nsp = self.sessions[&known.id].nsp;
            found.extend(known.rooms.iter().map(|room| (nsp, room.clone())));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
