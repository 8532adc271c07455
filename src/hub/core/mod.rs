//! One shard without its thread: connections, rooms, timers. It is told what happens and at what time, changes its state,
//! and gives a list of what is to be done. It has no clock, no I/O and no thread, so that a simulation drives it as the
//! runtime does.

pub mod access;
mod admission;
pub mod arena;
pub mod asking;
mod batch;
#[cfg(any(test, fuzzing))]
pub mod check;
mod closing;
mod compressing;
pub mod connection;
pub mod deadlines;
mod delivery;
mod directory;
pub mod effect;
mod gathering;
pub mod input;
mod layer;
mod limits;
mod line;
pub mod link;
pub mod look;
pub mod outbox;
mod polls;
mod presence;
mod reap;
pub mod recovery;
mod restore;
mod rooms;
mod session;
pub mod socket;
mod space;
mod streams;
mod watching;
pub mod writing;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use self::access::Endings;
use self::batch::{Batches, Target};
use self::closing::Tenant;
use self::connection::{ConnectionId, Dirty, Doom};
use self::deadlines::Deadlines;
use self::directory::Directory;
use self::effect::Effect;
use self::gathering::Gathering;
use self::input::Input;
use self::link::LinkId;
use self::presence::Absence;
use self::recovery::Recovery;
use self::socket::SocketId;
use crate::events;
use crate::hub::account;
use crate::hub::attendance::{Place, Ticket};
use crate::hub::ids::{Id, Ids};
use crate::hub::seeded::Seeded;
use crate::session::Millis;

/// The time, as the core is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Microseconds of the process's clock, which never goes back.
    pub micros: u64,
    /// Milliseconds since 1970, as the system has it.
    pub wall: i64,
}

impl Now {
    /// Milliseconds of the process's clock.
    pub fn millis(self) -> Millis {
        self.micros / 1000
    }

    /// This time at a later moment of the process's clock, with the system's clock gone on as far.
    pub fn at(self, micros: u64) -> Self {
        Self { micros, wall: self.wall_at(micros / 1000) }
    }

    /// A moment of the process's clock, in milliseconds, as milliseconds since 1970.
    pub fn wall_at(self, at: Millis) -> i64 {
        self.wall - (self.millis() as i64 - at as i64)
    }

    /// A moment of the system's clock as one of the process's, in milliseconds.
    pub fn process_at(self, wall: i64) -> Millis {
        let ahead = wall.saturating_sub(self.wall);
        if ahead >= 0 { self.millis().saturating_add(ahead as Millis) } else { self.millis() }
    }
}

/// What is due at a time. Every client has one or two of these: what is rare is boxed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Due {
    /// A session: a ping, a time-out, the end of an identity.
    Connection(ConnectionId),
    /// A WebSocket that closes has taken too long.
    Link(LinkId),
    /// A batch's window ends.
    Batch(Box<Target>),
    /// A look for stale clients of a server.
    Sweep(u32),
    /// The grace of a room without members is over.
    Empty(u32, Box<Place>),
    /// The grace of a user who was cut off is over.
    Absent(Box<Absence>),
    /// A room hears who came and went.
    Crowd(u32, Box<Place>),
    /// A session is kept no longer.
    Away(Box<Id>),
    /// A closing server has no more time.
    Deadline(u32),
}

/// How far the system's clock may be from the process's before deadlines by it are set anew, in milliseconds.
const DRIFT: i64 = 500;

/// All that one shard owns.
pub struct Core {
    index: usize,
    now: Now,
    directory: Directory,
    deadlines: Deadlines<Due>,
    gathering: Gathering,
    batches: Batches,
    /// Who has something to write, in order.
    dirty: VecDeque<Dirty>,
    /// For whom more waits than may: they are written before anything else is done.
    over: Vec<ConnectionId>,
    /// Who waits for something to be deflated.
    waiting_for_forms: Vec<ConnectionId>,
    ids: Ids,
    /// Names questions to JavaScript.
    token: u32,
    /// Sockets that are let in when the input at hand is read.
    admissions: Vec<SocketId>,
    /// Logouts while JavaScript decides on sockets.
    endings: Endings,
    recovery: Recovery,
    /// Namespaces of which JavaScript hears who comes into a room or leaves it.
    watched: FxHashSet<u32>,
    /// Empty rooms whose grace runs.
    empty: HashMap<Place, Ticket, Seeded>,
    /// What is here of each server.
    tenants: FxHashMap<u32, Tenant>,
    /// Whose step is running, so that an internal error ends that connection alone.
    busy: Option<ConnectionId>,
    /// Connections whose sessions are over, and of which JavaScript is to be told behind their sockets.
    parted: Vec<ConnectionId>,
    /// What is to be done.
    effects: Vec<Effect>,
    /// By which JavaScript tells that it has caught up, and others that something is deflated.
    way: Arc<dyn account::Shard>,
}

impl Core {
    /// An empty one; one out of `shards`.
    pub fn new(index: usize, shards: usize, way: Arc<dyn account::Shard>) -> Self {
        Self {
            index,
            now: Now { micros: 0, wall: 0 },
            directory: Directory::default(),
            deadlines: Deadlines::default(),
            gathering: Gathering::default(),
            batches: Batches::default(),
            dirty: VecDeque::new(),
            over: Vec::new(),
            waiting_for_forms: Vec::new(),
            ids: Ids::new(index, shards),
            token: 0,
            admissions: Vec::new(),
            endings: Endings::default(),
            recovery: Recovery::default(),
            watched: FxHashSet::default(),
            empty: HashMap::default(),
            tenants: FxHashMap::default(),
            busy: None,
            parted: Vec::new(),
            effects: Vec::new(),
            way,
        }
    }

    /// Takes something in. Events gather until something else comes, or [`Core::settle`].
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        self.step(now, out, |core| {
            if let Input::Message(message) = &input
                && message.event().is_some()
            {
                return core.deliver(message);
            }
            core.settle_all();
            core.take_in(input);
            core.admit_waiting();
        });
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::OpenPolling { server, request, seat, respond } => self.open_polling(server, &request, seat, respond),
            Input::Request(request) => self.request(*request),
            Input::Body { sid, id, body } => self.body(sid, id, &body),
            Input::TooLarge { sid, id } => self.with_session(sid, |engine, fx| engine.post_too_large(id, fx)),
            Input::Aborted { sid, id } => self.with_session(sid, |engine, fx| engine.aborted(id, fx)),
            Input::Message(message) => self.change_all(&message),
            Input::Send(send) => self.send(*send),
            Input::Accept { socket, identity } => self.accept(socket, identity),
            Input::Deny { socket, error } => self.deny(socket, &error),
            Input::Joined { socket, token, error } => self.join_decided(socket, token, error),
            Input::Wished { connection, token } => self.wish_decided(connection, token),
            Input::Change { socket, change } => self.change(socket, &change),
            Input::CloseConnection { socket } => self.close_under(socket),
            Input::Watch { server, connection, eye } => self.watch_line(&server, connection, eye),
            Input::End { connection, discard } => self.end_line(connection, discard),
            Input::Say { connection, frame } => self.say(connection, frame),
            Input::Resume { connection } => self.resume(connection),
            Input::Deflated => self.forms_made(),
            Input::Cut { connection } => self.cut(connection),
            Input::Claim(claim) => self.claimed_from(*claim),
            Input::Claimed { socket, session } => self.claimed(socket, session),
            Input::Close { server, deadline, patient } => self.close_server(&server, deadline, patient),
            Input::Guest { server, came } => self.guest(&server, came),
        }
    }

    /// Does what is due. What one of these makes due at once has to wait for the next time: none can hold the shard.
    pub fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        let drift = (now.wall - now.millis() as i64) - (self.now.wall - self.now.millis() as i64);
        let had_time = self.now.micros > 0;
        if had_time && drift.abs() > DRIFT {
            self.step(now, out, Self::rearm_all);
        }
        for _ in 0..self.deadlines.len() {
            let Some(due) = self.deadlines.pop(now.millis()) else { return };
            self.step(now, out, |core| {
                core.settle_all();
                core.come_due(due);
            });
        }
    }

    fn come_due(&mut self, due: Due) {
        match due {
            Due::Connection(id) => self.tick_connection(id),
            Due::Link(id) => self.directory.drop_link(id),
            Due::Batch(target) => self.end_batch(&target),
            Due::Sweep(server) => self.sweep(server),
            Due::Empty(server, place) => self.room_stayed_empty(server, &place),
            Due::Absent(absence) => self.stayed_away(&absence),
            Due::Crowd(server, place) => self.tell_crowd(server, &place),
            Due::Away(pid) => self.forget_session(&pid),
            Due::Deadline(server) => self.force_closed(server),
        }
    }

    /// Puts what was gathered into outboxes.
    pub fn settle(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.step(now, out, Self::settle_all);
    }

    /// To how many selections of sockets the gathered events go.
    pub fn gathered(&self) -> usize {
        self.gathering.groups()
    }

    /// When something is due by itself.
    pub fn deadline(&self) -> Option<Millis> {
        self.deadlines.next()
    }

    /// Whether somebody has something to write.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.over.is_empty()
    }

    /// Whether so many have something to write that answers should not wait for their turn.
    pub fn has_long_pass(&self, length: usize) -> bool {
        self.dirty.len() > length
    }

    /// One step: whatever it dooms goes at its end, when nobody holds anything.
    fn step(&mut self, now: Now, out: &mut Vec<Effect>, step: impl FnOnce(&mut Self)) {
        self.now = now;
        self.busy = None;
        step(self);
        self.reap();
        out.append(&mut self.effects);
    }

    /// After an internal error: the connection that was busy ends, whatever state it is in.
    pub fn abandon(&mut self, now: Now, out: &mut Vec<Effect>) {
        if let Some(busy) = self.busy.take() {
            self.directory.doom(busy, Doom::Broken);
        }
        self.admissions.retain(|socket| self.directory.socket(*socket).is_some());
        self.step(now, out, |_| {});
    }

    /// Whether a session of a server is here.
    pub fn knows(&self, sid: &Id, server: u32) -> bool {
        self.directory
            .by_sid(sid)
            .and_then(|id| self.directory.see(id))
            .is_some_and(|connection| connection.server.id == server)
    }

    fn next_token(&mut self) -> u32 {
        self.token = self.token.wrapping_add(1);
        self.token
    }

    /// A moment as ISO 8601 with milliseconds.
    fn iso(&self, at: Millis) -> String {
        events::iso(self.now.wall_at(at))
    }

    fn millis(&self) -> Millis {
        self.now.millis()
    }
}
