//! A shard: one thread, one current-thread runtime, and everything that lives on it. Connections, their sockets, rooms
//! and timers have this one owner, so nothing here is locked. The loop takes all commands, carries them out, then
//! flushes every connection that has something to send, a few at a time so that reading goes on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;

use super::attendance::Ticket;
use super::batch::{Batches, Target};
use super::clock;
use super::command::{Command, SocketKey};
use super::connection::Connection;
use super::gathering::Gathering;
use super::identity::Endings;
use super::ids::{Id, Ids};
use super::link::Link;
use super::mailbox::Mailbox;
use super::membership::Socket;
use super::outbox::Joiner;
use super::presence::Absence;
use super::rooms::Space;
use super::server::Server;
use super::timers::Timers;
use crate::session::Millis;

/// Connections that are flushed before new commands are taken.
pub(super) const FLUSH_STEP: usize = 32;
/// Such steps before reading gets its turn.
const FLUSH_STEPS: usize = 4;
/// How long a shard that has just carried out several commands lets events gather, in milliseconds. A lone event never
/// waits for it.
const NAP: u64 = 1;
/// Selections of sockets that emits of one pass go to which are the sign of a burst that goes on.
const BURST: usize = 16;
/// How long such a burst may gather before the first of it is delivered, in milliseconds: each write that carries two of
/// its events spares one.
const GATHER: u64 = 20;
/// How long no command may come before it counts as over, in milliseconds.
const QUIET: u64 = 4;
/// Commands that the shard keeps room for.
const KEPT_COMMANDS: usize = 1024;
/// Largest read.
pub(super) const SCRATCH: usize = 64 * 1024;

/// A connection or link by its place, and a number that tells it from earlier ones in that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub(super) index: u32,
    pub(super) serial: u32,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Connection(Key),
    Link(Key),
    Batch(Target),
    /// Looks for stale clients of a server.
    Sweep(u32),
    /// The grace of a room without members is over.
    Empty(u32, u32, Arc<str>, Ticket),
    /// The grace of a user who was cut off is over.
    Absent(Absence),
    Deadline(u32),
}

/// What a shard has of one server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Population {
    /// Connections and links.
    pub(super) clients: usize,
    /// HTTP connections.
    pub(super) guests: usize,
}

/// All that a shard owns.
pub struct Shard {
    pub(super) index: usize,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) me: Weak<RefCell<Shard>>,
    pub(super) now: Millis,
    pub(super) connections: Slab<Connection>,
    pub(super) links: Slab<Link>,
    pub(super) sockets: Slab<Socket>,
    pub(super) sids: FxHashMap<Id, Key>,
    pub(super) spaces: FxHashMap<u32, Space>,
    pub(super) batches: Batches,
    pub(super) timers: Timers<Timer>,
    pub(super) gathering: Gathering,
    pub(super) dirty: VecDeque<Key>,
    pub(super) joiner: Joiner,
    pub(super) ids: Ids,
    pub(super) scratch: Vec<u8>,
    /// Whose step is running, so that an internal error ends that connection alone.
    pub(super) busy: Option<Key>,
    /// Sockets that asked for an open namespace and are let in when the input at hand is read.
    pub(super) admissions: Vec<SocketKey>,
    /// Logouts while JavaScript decides on sockets.
    pub(super) endings: Endings,
    /// Connections and links of each server, so that closing one knows its end.
    pub(super) population: FxHashMap<u32, Population>,
    /// Servers whose stale clients are looked for.
    pub(super) swept: FxHashSet<u32>,
    /// Servers that want to know which rooms have members.
    pub(super) watched: FxHashMap<u32, Arc<Server>>,
    /// Servers that are closing; with true once none of their clients is left here.
    pub(super) closing: Vec<(Arc<Server>, bool)>,
    serial: u32,
    stopped: bool,
}

impl Shard {
    /// An empty shard; one out of `shards`.
    pub(super) fn new(index: usize, shards: usize, mailbox: Arc<Mailbox>) -> Rc<RefCell<Self>> {
        Rc::new_cyclic(|me| {
            RefCell::new(Self {
                index,
                mailbox,
                me: me.clone(),
                now: 0,
                connections: Slab::new(),
                links: Slab::new(),
                sockets: Slab::new(),
                sids: FxHashMap::default(),
                spaces: FxHashMap::default(),
                batches: Batches::default(),
                timers: Timers::default(),
                gathering: Gathering::default(),
                dirty: VecDeque::new(),
                joiner: Joiner::default(),
                ids: Ids::new(index, shards),
                scratch: vec![0; SCRATCH],
                busy: None,
                admissions: Vec::new(),
                endings: Endings::default(),
                population: FxHashMap::default(),
                swept: FxHashSet::default(),
                watched: FxHashMap::default(),
                closing: Vec::new(),
                serial: 0,
                stopped: false,
            })
        })
    }

    /// Looks at the clock.
    pub(super) fn update_clock(&mut self) {
        self.now = clock::micros() / 1000;
    }

    /// A moment of this shard's clock in milliseconds since 1970.
    pub(super) fn wall(&self, at: Millis) -> i64 {
        clock::wall(at * 1000)
    }

    pub(super) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn command(&mut self, command: Command) {
        if !matches!(command, Command::Emit(_)) {
            self.settle();
        }
        match command {
            Command::WebSocket(incoming) => self.websocket(*incoming),
            Command::OpenPolling { server, request, seat, respond } => {
                self.open_polling(server, &request, seat, respond);
            }
            Command::Request(request) => self.request(*request),
            Command::Body { sid, id, body } => self.body(sid, id, &body),
            Command::TooLarge { sid, id } => self.with_session(sid, |engine, fx| engine.post_too_large(id, fx)),
            Command::Aborted { sid, id } => self.with_session(sid, |engine, fx| engine.aborted(id, fx)),
            Command::Emit(emit) => self.deliver(emit),
            Command::Send { socket, kind, id, volatile, text, attachments } => {
                self.send(socket, kind, id, volatile, &text, &attachments);
            }
            Command::Accept { socket, identity } => self.accept(socket, identity),
            Command::Deny { socket, error } => self.deny(socket, &error),
            Command::Joined { socket, token, error } => self.join_decided(socket, token, error),
            Command::Change { socket, change } => self.change(socket, &change),
            Command::ChangeAll { nsp, to, change } => self.change_all(&nsp, &to, &change),
            Command::CloseConnection { socket } => self.close_under(socket),
            Command::Resume { connection } => self.resume(connection),
            Command::Cut { connection } => self.cut(connection),
            Command::Close { server, deadline, patient } => self.close_server(server, deadline, patient),
            Command::Watch { server } => self.watch(&server),
            Command::Run(_) => unreachable!("the loop runs it without holding the shard"),
            Command::Stop => self.stopped = true,
        }
    }

    /// Does what is due. What one of these makes due at once has to wait for the next pass: none can hold the shard.
    fn tick(&mut self) {
        for _ in 0..self.timers.len() {
            let Some(timer) = self.timers.pop_due(self.now) else { return };
            self.settle();
            match timer {
                Timer::Connection(key) => self.tick_connection(key),
                Timer::Link(key) => self.drop_link(key),
                Timer::Batch(target) => self.end_batch(&target),
                Timer::Sweep(server) => self.sweep(server),
                Timer::Empty(server, nsp, room, ticket) => self.room_stayed_empty(server, nsp, &room, ticket),
                Timer::Absent(absence) => self.stayed_away(&absence),
                Timer::Deadline(server) => self.force_closed(server),
            }
        }
    }

    /// Flushes a few connections. True: there are more.
    fn flush_some(&mut self) -> bool {
        for _ in 0..FLUSH_STEP {
            let Some(key) = self.dirty.pop_front() else { break };
            self.flush(key);
        }
        if self.dirty.is_empty() {
            self.joiner.reset();
        }
        !self.dirty.is_empty()
    }

    /// An HTTP connection of a server has come or gone: a closing server waits for it too.
    pub(crate) fn guest(&mut self, server: u32, change: isize) {
        let guests = &mut self.population.entry(server).or_default().guests;
        *guests = guests.saturating_add_signed(change);
        self.recount(server);
    }

    /// Whether a session of a server is here.
    pub(crate) fn knows(&self, sid: &Id, server: u32) -> bool {
        self.sids
            .get(sid)
            .and_then(|key| self.connections.get(key.index as usize))
            .is_some_and(|connection| connection.server.id == server)
    }

    /// A connection or a link has come or gone.
    pub(super) fn count(&mut self, server: u32, change: isize) {
        let clients = &mut self.population.entry(server).or_default().clients;
        *clients = clients.saturating_add_signed(change);
        self.recount(server);
    }

    fn recount(&mut self, server: u32) {
        if !self.closing.is_empty() {
            self.mailbox.nudge();
        }
        if self.population.get(&server) == Some(&Population::default()) {
            self.population.remove(&server);
        }
    }
}

/// Runs something that must not take the process down.
pub(super) fn guarded<T>(what: &str, run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).inspect_err(|_| tracing::error!(what, "internal error; please report it")).ok()
}

/// The same for a step of the shard: the connection that it was busy with ends.
pub(super) fn guarded_step<T>(shard: &RefCell<Shard>, what: &str, run: impl FnOnce() -> T) -> Option<T> {
    shard.borrow_mut().busy = None;
    let done = guarded(what, run);
    if done.is_none() {
        guarded("cleanup", || shard.borrow_mut().abandon());
    }
    done
}

/// The thread of a shard: runs until it is told to stop.
pub(super) fn run(index: usize, shards: usize, mailbox: Arc<Mailbox>) {
    super::thread_started();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime needs only a few descriptors");
    let shard = Shard::new(index, shards, mailbox.clone());
    runtime.block_on(drive(&shard, &mailbox));
    // Tasks hold the shard: they go first.
    drop(runtime);
}

async fn drive(shard: &Rc<RefCell<Shard>>, mailbox: &Mailbox) {
    let mut taken = Vec::new();
    let mut steps = 0;
    let mut worked = 0;
    let mut pass_began = None;
    loop {
        let count = take_in(shard, mailbox, &mut taken);
        worked += count;
        let began = *pass_began.get_or_insert(shard.borrow().now);
        if count > 0 && is_burst(shard) && shard.borrow().now < began + GATHER {
            if mailbox.prepare_sleep(true) {
                nap(mailbox, QUIET, None).await;
            }
            continue;
        }
        settle(shard);
        if flush_step(shard) {
            steps += 1;
            if steps % FLUSH_STEPS == 0 {
                tokio::task::yield_now().await;
            }
            continue;
        }
        pass_began = None;
        let next = {
            let mut shard = shard.borrow_mut();
            shard.finish_closing();
            if shard.stopped {
                return;
            }
            if !shard.dirty.is_empty() {
                continue;
            }
            let line = crate::log::due().map(|wait| shard.now + wait);
            [shard.timers.next(), line].into_iter().flatten().min()
        };
        let naps = std::mem::take(&mut worked) > 1;
        if !mailbox.prepare_sleep(naps) {
            continue;
        }
        match (next, naps) {
            (next, true) => nap(mailbox, NAP, next).await,
            (Some(at), false) => {
                let _ = tokio::time::timeout_at(clock::instant(at).into(), mailbox.woken()).await;
            }
            (None, false) => mailbox.woken().await,
        }
    }
}

/// Lets events gather for a moment, or until the next timer.
async fn nap(mailbox: &Mailbox, length: u64, next: Option<Millis>) {
    let end = clock::micros() / 1000 + length;
    let end = next.map_or(end, |next| next.min(end));
    let _ = tokio::time::timeout_at(clock::instant(end).into(), mailbox.woken()).await;
}

/// Does what is due and what was asked for; emits are gathered. Returns the number of commands.
pub(super) fn take_in(shard: &Rc<RefCell<Shard>>, mailbox: &Mailbox, commands: &mut Vec<Command>) -> usize {
    shard.borrow_mut().update_clock();
    // What is due comes before what has just come in: a session is gone to the millisecond.
    guarded_step(shard, "timers", || shard.borrow_mut().tick());
    crate::log::flush();
    mailbox.take(commands);
    let count = commands.len();
    for command in commands.drain(..) {
        guarded_step(shard, "command", || match command {
            Command::Run(task) => {
                shard.borrow_mut().settle();
                task(shard);
            }
            command => shard.borrow_mut().command(command),
        });
    }
    commands.shrink_to(KEPT_COMMANDS);
    count
}

/// Whether what was gathered is the beginning of a burst.
fn is_burst(shard: &RefCell<Shard>) -> bool {
    shard.borrow().gathering.groups() >= BURST
}

/// Puts what was gathered into outboxes.
pub(super) fn settle(shard: &RefCell<Shard>) {
    guarded_step(shard, "delivery", || shard.borrow_mut().settle());
}

/// Flushes a few connections. True: there are more.
pub(super) fn flush_step(shard: &Rc<RefCell<Shard>>) -> bool {
    guarded_step(shard, "flush", || shard.borrow_mut().flush_some()).unwrap_or(true)
}
