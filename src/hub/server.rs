//! One real-time server of the process, as its users know it: it emits, asks, opens and closes. It knows no shard, only the
//! bus.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use tokio::sync::oneshot;

use super::acks::{Answer, GroupId};
use super::bus::{Bus, Local, Reply};
use super::context::Context;
use super::core::access::Ended;
use super::core::look::{Answers, Depth, Entry, Found, Question};
use super::core::socket::shard_of;
use super::event::{ConnectionKey, SocketKey};
use super::message::{Change, Selection};
use super::publish;
use super::runtime::command::Input;
use super::runtime::mailbox::Mailbox;
use super::stats::{Dropped, Refused, Stats};
use crate::config::Config;
use crate::error::Error;

pub use super::account::Credit;
pub use super::context::State;
pub use super::core::look::Detail;
pub use super::emit::Outgoing;
pub use super::event::{Arrival, Asked, Event, Happening, Join, Line, Packet, Said, Sink, Wish};

/// One server.
pub struct Server {
    /// What its shards know of it.
    pub context: Arc<Context>,
    bus: Local,
    /// How many clients were there when it began to close, and when that was.
    closing: Mutex<(u64, Option<Instant>)>,
    closers: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    shards_draining: AtomicU32,
    shards_open: AtomicU32,
    closed: Condvar,
    next: AtomicU32,
}

impl Deref for Server {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Server {
    pub(super) fn new(id: u32, config: Config, sink: Arc<dyn Sink>, bus: Local) -> Arc<Self> {
        let shards = bus.mailboxes.len();
        Arc::new(Self {
            context: Arc::new(Context::new(id, config, sink, shards)),
            bus,
            closing: Mutex::default(),
            closers: Mutex::default(),
            shards_draining: AtomicU32::new(shards as u32),
            shards_open: AtomicU32::new(shards as u32),
            closed: Condvar::new(),
            next: AtomicU32::new(0),
        })
    }

    /// Emits an event to sockets of a namespace. False: the server is closed, or there is no such namespace. Waits while the
    /// shards have far more to do than they can: memory is bounded, and nothing is dropped.
    pub fn emit(&self, event: Outgoing<'_>) -> bool {
        self.bus.mailboxes.iter().for_each(|mailbox| mailbox.wait_for_room());
        publish::emit(&self.context, &self.bus, event)
    }

    /// Changes many sockets.
    pub fn change_all(&self, nsp: &str, to: &Selection, change: &Change) {
        publish::change(&self.context, &self.bus, nsp, to, change);
    }

    /// Has the shard of a socket do something with it.
    pub fn tell_socket(&self, socket: SocketKey, input: Input) {
        self.mailbox(shard_of(socket)).push(input);
    }

    /// Tells JavaScript from now on which rooms have members; begins with those that have some.
    pub fn watch_rooms(&self) {
        let namespaces = self.registry.all();
        for (nsp, room) in self.attendance.watch() {
            let Some(nsp) = namespaces.iter().find(|known| known.id == nsp) else { continue };
            let text = super::event::room(&nsp.name, &room, true);
            let credit = self.ledger.charge(text.len());
            self.sink.push(Event::Room(text, credit));
        }
    }

    /// Ends the connections of a user or a session, on every shard, before it returns. Returns how many sockets that were.
    /// `ERR_BUSY`.
    pub fn end(&self, ended: &Ended) -> Result<usize, Error> {
        self.count(&Question::End { server: self.id, ended: ended.clone() })
    }

    /// Closes the connections that came by one of the application's HTTP servers. Returns how many. `ERR_BUSY`.
    pub fn close_via(&self, via: u32) -> Result<usize, Error> {
        self.count(&Question::Close { server: self.id, via })
    }

    fn count(&self, question: &Question) -> Result<usize, Error> {
        let answers = self.ask(question)?;
        Ok(answers.into_iter().map(|answer| if let Answers::Count(count) = answer { count } else { 0 }).sum())
    }

    /// All sockets of namespace `/`, or those of one user, or of one room, then without their other rooms. `ERR_BUSY`.
    pub fn presence(&self, user: Option<String>, room: Option<String>) -> Result<Vec<Entry>, Error> {
        let Some(nsp) = self.registry.get("/") else { return Ok(Vec::new()) };
        let (nsp, user, room) = (nsp.id, user.map(Into::into), room.map(Into::into));
        let answers = self.ask(&Question::Sockets { nsp, user, room })?;
        let entries = answers.into_iter().flat_map(|answer| match answer {
            Answers::Sockets(entries) => entries,
            _ => Vec::new(),
        });
        Ok(entries.collect())
    }

    /// The socket ids in a room. `ERR_BUSY`.
    pub fn room_members(&self, nsp: &str, room: &str) -> Result<Vec<String>, Error> {
        let Some(nsp) = self.registry.get(nsp) else { return Ok(Vec::new()) };
        let answers = self.ask(&Question::Members { nsp: nsp.id, room: room.into() })?;
        Ok(answers.into_iter().flat_map(names).collect())
    }

    /// The rooms of a socket, its own id first. `ERR_BUSY`.
    pub fn socket_rooms(&self, socket: SocketKey) -> Result<Vec<String>, Error> {
        if self.state() == State::Closed {
            return Ok(Vec::new());
        }
        self.bus.ask_one(shard_of(socket), &Question::RoomsOf { socket }).map(names)
    }

    /// The selected sockets of a namespace. `ERR_BUSY`.
    pub fn find(&self, nsp: &str, to: Selection, depth: Detail) -> Result<Vec<Found>, Error> {
        let Some(nsp) = self.registry.get(nsp) else { return Ok(Vec::new()) };
        let answers = self.ask(&Question::Find { nsp: nsp.id, to, depth })?;
        let found =
            answers.into_iter().flat_map(|answer| if let Answers::Found(found) = answer { found } else { vec![] });
        Ok(found.collect())
    }

    /// The rooms of a namespace with the ids of their members. `ERR_BUSY`.
    pub fn rooms(&self, nsp: &str) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let Some(nsp) = self.registry.get(nsp) else { return Ok(BTreeMap::new()) };
        self.ask(&Question::Rooms { nsp: nsp.id }).map(joined)
    }

    /// JavaScript hears of each who comes into a room of a namespace or leaves it, from now on, or no more. Returns who is in
    /// which room at that moment. `ERR_BUSY`.
    pub fn watch(&self, nsp: &str, on: bool) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let Some(nsp) = self.registry.get(nsp) else { return Ok(BTreeMap::new()) };
        self.ask(&Question::Watch { nsp: nsp.id, on }).map(joined)
    }

    /// Emits an event that asks all who get it; `id` is its ack's. Their answers come together, when all have answered;
    /// [`Server::end_asking`] gives those that have. None: the server is closed, or there is no such namespace.
    pub fn ask_all(&self, event: Outgoing<'_>, id: f64) -> Option<GroupId> {
        self.bus.mailboxes.iter().for_each(|mailbox| mailbox.wait_for_room());
        publish::ask(&self.context, &self.bus, event, id)
    }

    /// The time for answers is over: those that have come. None: all had, and are on their way.
    pub fn end_asking(&self, group: GroupId) -> Option<Vec<Answer>> {
        self.acks.end(group)
    }

    /// Forgets a namespace that JavaScript made, if nobody is in it.
    pub fn forget(&self, name: &str) -> bool {
        let Some(id) = self.registry.get(name).map(|nsp| nsp.id) else { return true };
        let is_gone = self.registry.forget(name);
        if is_gone {
            self.bus.survey(&Question::Forget { nsp: id }, &(Arc::new(|_| {}) as Reply));
        }
        is_gone
    }

    /// How a connection is, as JSON: `{transport, readyState, upgrading, upgraded, waiting}`; none if it is gone. `ERR_BUSY`.
    pub fn connection_state(&self, connection: ConnectionKey) -> Result<Option<String>, Error> {
        if self.state() == State::Closed {
            return Ok(None);
        }
        self.bus.ask_one(shard_of(connection), &Question::Line { connection }).map(|answer| names(answer).pop())
    }

    /// Ends every connection; the server goes on. `ERR_BUSY`.
    pub fn end_connections(&self) -> Result<(), Error> {
        self.ask(&Question::EndLines { server: self.id }).map(drop)
    }

    /// Asks JavaScript about a request, and waits for what it says. None: it says nothing any more.
    pub async fn ask_about(&self, head: String) -> Option<Said> {
        let (answer, said) = oneshot::channel();
        let credit = self.ledger.charge(head.len());
        self.sink.push(Event::Asked(Box::new(Asked { head, answer, credit })));
        said.await.ok()
    }

    fn ask(&self, question: &Question) -> Result<Vec<Answers>, Error> {
        if self.state() == State::Closed { Ok(Vec::new()) } else { self.bus.ask(question) }
    }

    /// The shard's mailbox, by index.
    pub fn mailbox(&self, shard: usize) -> &Arc<Mailbox> {
        &self.bus.mailboxes[shard % self.bus.mailboxes.len()]
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.bus.mailboxes.len()
    }

    /// The next shard for a new client.
    pub fn next_shard(&self) -> usize {
        self.next.fetch_add(1, Relaxed) as usize % self.bus.mailboxes.len()
    }

    /// Runs something when all shards have been drained: a listener stops.
    pub fn on_close(&self, close: impl FnOnce() + Send + 'static) {
        self.closers.lock().push(Box::new(close));
    }

    /// Flushes everything, then closes; whatever is left after `deadline` milliseconds goes. Idempotent. `patient`: a polling
    /// client may still come for what waits.
    pub fn close(&self, deadline: u64, patient: bool) {
        let mut state = self.context.state.lock();
        if *state != State::Open {
            return;
        }
        *state = State::Closing;
        let connections = Stats::of(self.all_counters()).connections;
        *self.closing.lock() = (connections.polling + connections.websocket, Some(Instant::now()));
        // A listener of our own goes on answering, whatever JavaScript does.
        let patient = patient || !self.closers.lock().is_empty();
        for mailbox in self.bus.mailboxes.iter() {
            mailbox.push(Input::Close { server: self.context.clone(), deadline, patient });
        }
    }

    /// Waits until the server is closed.
    pub fn wait_closed(&self, timeout: std::time::Duration) {
        let mut state = self.context.state.lock();
        self.closed.wait_while_for(&mut state, |state| *state != State::Closed, timeout);
    }

    /// A shard has died: nothing is drained any more.
    pub(super) fn abandon(&self) {
        let closers = std::mem::take(&mut *self.closers.lock());
        closers.into_iter().for_each(|close| close());
    }

    /// A shard has no client of this server left. After the last shard the listener stops.
    pub(super) fn shard_drained(&self) {
        if self.shards_draining.fetch_sub(1, Relaxed) == 1 {
            let closers = std::mem::take(&mut *self.closers.lock());
            closers.into_iter().for_each(|close| close());
        }
    }

    /// A shard has nothing of this server left. True: it was the last shard.
    pub(super) fn shard_closed(&self) -> bool {
        self.shards_open.fetch_sub(1, Relaxed) == 1
    }

    pub(super) fn mark_closed(&self) {
        *self.context.state.lock() = State::Closed;
        self.closed.notify_all();
    }

    /// All numbers; `look`: also what only the shards can tell, for which they are asked. `ERR_BUSY`.
    pub fn stats(&self, look: bool) -> Result<Stats, Error> {
        // First: what shards were busy with when they were asked is counted then.
        let looked = look.then(|| self.ask(&Question::Waiting { server: self.id })).transpose()?;
        let mut stats = Stats::of(self.all_counters());
        stats.inbox = self.ledger.backlog();
        stats.events_out = self.emitted.get();
        stats.refused = Refused::of(&self.refusals);
        stats.rooms = self.attendance.rooms() as u64;
        if let Some(looked) = looked {
            stats.commands_waiting = self.bus.mailboxes.iter().map(|mailbox| mailbox.len() as u64).sum();
            for answer in looked {
                let Answers::Waiting(Depth { clients, bytes, largest }) = answer else { continue };
                stats.waiting.clients += clients;
                stats.waiting.bytes += bytes;
                stats.waiting.largest = stats.waiting.largest.max(largest);
            }
        }
        Ok(stats)
    }

    /// What the shutdown came to.
    pub fn report(&self) -> Report {
        let Stats { deliveries, dropped, slow_clients, .. } = Stats::of(self.all_counters());
        let (clients, since) = *self.closing.lock();
        let milliseconds = since.map_or(0, |since| since.elapsed().as_millis() as u64);
        Report { clients, milliseconds, events_out: self.emitted.get(), deliveries, dropped, slow_clients }
    }
}

/// Rooms of all shards.
fn joined(answers: Vec<Answers>) -> BTreeMap<String, Vec<String>> {
    let mut rooms = BTreeMap::<String, Vec<String>>::new();
    for answer in answers {
        let Answers::Rooms(some) = answer else { continue };
        for (room, members) in some {
            rooms.entry(room).or_default().extend(members);
        }
    }
    rooms
}

fn names(answer: Answers) -> Vec<String> {
    match answer {
        Answers::Names(names) => names,
        _ => Vec::new(),
    }
}

/// What a shutdown came to. Numbers count from the server's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Clients that were connected when it began.
    pub clients: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Events that were emitted.
    pub events_out: u64,
    /// Events times receivers.
    pub deliveries: u64,
    /// Events that clients did not get, by reason.
    pub dropped: Dropped,
    /// Clients that were closed because they read too slowly.
    pub slow_clients: u64,
}
