//! The hub: the process's real-time servers and the shards that they share. It is a static of the library, so every
//! module copy, route bundle and worker of the process reaches the same one. Shards start with the first server and end
//! with the last.
//!
//! From above to below; each knows only what is below it:
//!
//! - [`server`]: what its users call; [`publish`] gives messages their order; [`bus`] carries them to the shards.
//! - [`runtime`]: a shard's thread, its loop and streams. [`core`]: what it decides, without a thread, a clock or I/O.
//! - [`context`]: what shards know of a server: options, [`registry`] of namespaces, [`counters`], [`attendance`].
//! - [`acks`]: what many answer to one event.
//! - [`journal`], [`message`], [`run`], [`emit`], [`event`], [`account`], [`ids`], [`seeded`]: data.

pub mod account;
pub mod acks;
pub mod attendance;
pub mod bus;
mod clock;
pub mod context;
pub mod core;
pub mod counters;
pub mod emit;
mod entry;
pub mod event;
pub mod ids;
pub mod journal;
pub mod message;
pub mod publish;
pub mod registry;
pub mod run;
pub mod runtime;
pub mod seeded;
pub mod server;
#[cfg(test)]
mod simulation;
pub mod stats;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use self::bus::Local;
use self::context::Context;
use self::runtime::command::Command;
use self::runtime::{Outside, Shard};
use self::server::{Outgoing, Server, Sink};
use crate::config::Config;
use crate::error::Error;
use crate::events::{self, Keep, Kind};
use crate::log::Logger;
use crate::protocol::json;

pub use self::core::access::{Ended, Identity};
pub use self::event::SocketKey;
pub use self::message::{Change, Selection};
pub use self::runtime::command;

/// Most shards unless somebody asks for more; they would not pay for what a broadcast costs.
const USUAL_SHARDS: usize = 4;
/// Most shards.
const MAX_SHARDS: usize = 16;

/// Half the cores, as JavaScript needs some too; or what `NSELF_REALTIME_SHARDS` says.
fn shard_count() -> usize {
    let asked = std::env::var("NSELF_REALTIME_SHARDS").ok().and_then(|count| count.parse::<usize>().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or((cores / 2).clamp(1, USUAL_SHARDS), |count| count.clamp(1, MAX_SHARDS))
}

#[derive(Default)]
struct Hub {
    bus: Option<Local>,
    threads: Vec<JoinHandle<()>>,
    servers: FxHashMap<u32, Arc<Server>>,
    nself: Option<Arc<Server>>,
}

static HUB: Mutex<Option<Hub>> = Mutex::new(None);
static NEXT_SERVER: AtomicU32 = AtomicU32::new(1);

/// Opens a server. `ERR_INVALID_OPTION`; `ERR_ALREADY_OPEN` for a second one with the nself layer; `ERR_THREADS` when
/// the system has no thread to give.
pub fn open(config: Config, sink: Arc<dyn Sink>) -> Result<Arc<Server>, Error> {
    let config = config.validated()?;
    let mut guard = HUB.lock();
    let hub = guard.get_or_insert_default();
    if config.nself && hub.nself.is_some() {
        return Err(Error::new(
            "ERR_ALREADY_OPEN",
            "this process has its real-time server already; use getWebSocketServer(), or shut it down first",
        ));
    }
    let bus = match &hub.bus {
        Some(bus) => bus.clone(),
        None => {
            let (bus, threads) = start_shards()?;
            hub.threads = threads;
            hub.bus.insert(bus).clone()
        }
    };
    let nself = config.nself;
    crate::log::start(wake);
    let (level, has_logger) = (config.log_level, config.has_logger);
    let server = Server::new(NEXT_SERVER.fetch_add(1, Relaxed), config, sink, bus);
    hub.servers.insert(server.id, server.clone());
    if nself {
        hub.nself = Some(server.clone());
    }
    let logger = has_logger.then(|| -> Logger {
        let sink = server.sink.clone();
        Arc::new(move |entry| sink.push(server::Event::Log(entry.to_json())))
    });
    crate::log::open(server.id, level, logger);
    Ok(server)
}

/// Has a shard look at what is due.
fn wake() {
    // Whoever holds it is about to give the shards something to do.
    if let Some(hub) = HUB.try_lock()
        && let Some(bus) = hub.as_ref().and_then(|hub| hub.bus.as_ref())
    {
        bus.mailboxes[0].nudge();
    }
}

static ON_THREAD_START: OnceLock<fn()> = OnceLock::new();

/// Runs `start` on each shard's thread when it begins; the first one given counts.
pub fn on_thread_start(start: fn()) {
    let _ = ON_THREAD_START.set(start);
}

fn thread_started() {
    if let Some(start) = ON_THREAD_START.get() {
        start();
    }
}

type Shards = (Local, Vec<JoinHandle<()>>);

/// Starts all shards, or none: `ERR_THREADS`.
fn start_shards() -> Result<Shards, Error> {
    let count = shard_count();
    let bus = Local::new(count);
    let (ready, started) = mpsc::channel();
    let mut threads = Vec::with_capacity(count);
    let failed = |error: std::io::Error| {
        let hint = "the system has no thread or no descriptor left for it (see ulimit -n, ulimit -u)";
        Error::new("ERR_THREADS", format!("cannot start a thread of the server: {error}; {hint}"))
    };
    let mut result = Ok(());
    for index in 0..count {
        let (bus, ready) = (bus.clone(), ready.clone());
        let thread =
            std::thread::Builder::new().name(format!("realtime-{index}")).spawn(move || run_shard(index, &bus, &ready));
        match thread {
            Ok(thread) => threads.push(thread),
            Err(error) => result = result.and(Err(failed(error))),
        }
    }
    for outcome in started.iter().take(threads.len()) {
        result = result.and(outcome.map_err(failed));
    }
    match result {
        Ok(()) => Ok((bus, threads)),
        Err(error) => {
            stop(&bus);
            Err(error)
        }
    }
}

/// The thread of a shard. It says whether it could begin.
fn run_shard(index: usize, bus: &Local, ready: &mpsc::Sender<std::io::Result<()>>) {
    thread_started();
    let runtime = match runtime::prepare() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    let run = || {
        let (mailboxes, outside) = (&bus.mailboxes, Rc::new(Process(bus.clone())));
        let shard: Rc<RefCell<Shard>> = Shard::new(index, mailboxes.len(), mailboxes[index].clone(), outside);
        runtime::run(runtime, &shard);
    };
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
        shard_died(bus);
    }
}

/// A shard cannot go on: what lives on it is gone, and the servers that it served end. The next one gets new shards.
fn shard_died(bus: &Local) {
    tracing::error!("a thread of the server has died; its servers end, open them again; please report it");
    let mut guard = HUB.lock();
    let is_current =
        |hub: &Hub| hub.bus.as_ref().is_some_and(|current| Arc::ptr_eq(&current.mailboxes, &bus.mailboxes));
    let Some(hub) = guard.take_if(|hub| is_current(hub)) else { return };
    drop(guard);
    stop(bus);
    STOPPING.lock().extend(hub.threads);
    for server in hub.servers.into_values() {
        crate::log::close(server.id);
        server.abandon();
        end(&server);
    }
}

fn stop(bus: &Local) {
    bus.mailboxes.iter().for_each(|mailbox| mailbox.push(Command::Stop));
}

/// What the shards of this process want of the rest of it.
struct Process(Local);

impl Outside for Process {
    fn announce(&self, server: &Arc<Context>, text: &str, to: Selection, key: Option<String>) {
        let keep = Some(key.map_or(Keep::Gap, Keep::Latest));
        let event = Outgoing { nsp: "/", to, keep, enveloped: true, text, ..Outgoing::default() };
        publish::emit(server, &self.0, event);
    }

    fn tell_shard(&self, shard: usize, input: command::Input) {
        self.0.tell(shard, input);
    }

    fn drained(&self, server: &Arc<Context>) {
        if let Ok(server) = self::server(server.id) {
            server.shard_drained();
        }
    }

    fn closed(&self, server: &Arc<Context>) {
        if let Ok(server) = self::server(server.id)
            && server.shard_closed()
        {
            release(&server);
        }
    }
}

/// A server by its number, if it is not closed.
pub fn server(id: u32) -> Result<Arc<Server>, Error> {
    HUB.lock().as_ref().and_then(|hub| hub.servers.get(&id).cloned()).ok_or_else(Error::closed)
}

/// The process's nself server.
pub fn nself_server() -> Option<Arc<Server>> {
    HUB.lock().as_ref().and_then(|hub| hub.nself.clone())
}

/// A server is closed on every shard. The last server's end is the shards' end.
fn release(server: &Arc<Server>) {
    crate::log::close(server.id);
    let mut guard = HUB.lock();
    if let Some(hub) = guard.as_mut() {
        hub.servers.remove(&server.id);
        if hub.nself.as_ref().is_some_and(|nself| nself.id == server.id) {
            hub.nself = None;
        }
        if hub.servers.is_empty() {
            hub.bus.as_ref().into_iter().for_each(stop);
            // The threads end by themselves; `join` waits for those of the hub that is still in place.
            let threads = std::mem::take(&mut hub.threads);
            STOPPING.lock().extend(threads);
            *guard = None;
        }
    }
    drop(guard);
    end(server);
}

/// A server is over, and says so.
fn end(server: &Server) {
    server.mark_closed();
    let report = serde_json::to_string(&server.report()).expect("numbers are JSON");
    server.sink.push(server::Event::Closed(report));
}

static STOPPING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Waits for the threads of shards that were told to stop. Not to be called on one of them.
pub fn join() {
    let threads = std::mem::take(&mut *STOPPING.lock());
    for thread in threads {
        let _ = thread.join();
    }
}

/// Whom an event of the nself layer is for.
pub enum To<'a> {
    /// Everybody.
    All,
    /// The members of rooms, each once.
    Rooms(&'a [&'a str]),
    /// One socket, by its id.
    Socket(&'a str),
    /// The sockets of a user.
    User(&'a str),
}

impl To<'_> {
    /// None: there is nobody.
    fn selection(&self) -> Option<Selection> {
        match *self {
            Self::All => Some(Selection::default()),
            Self::Rooms([]) => None,
            Self::Rooms(rooms) => {
                Some(Selection { rooms: rooms.iter().map(|&room| room.into()).collect(), ..Selection::default() })
            }
            Self::Socket(id) => Some(Selection::room(id.into())),
            Self::User(user) => Some(Selection::user(user.into())),
        }
    }
}

/// Emits an event of the nself layer in its envelope. `data` is JSON. False: no nself server is open.
/// `ERR_INVALID_EVENT`, `ERR_INVALID_ROOM`.
pub fn emit_event(name: &str, data: &str, to: &To<'_>, batch: Option<bool>) -> Result<bool, Error> {
    let kind = Kind::of(name);
    let keep = match kind {
        Some(kind) => Some(kind.validate(name, data)?),
        None if json::is_valid(data) => None,
        None => return Err(Error::event(format!("{name}: the data is not JSON"))),
    };
    // Who is in one of several rooms need not know of the others.
    let room = match to {
        To::Rooms([room]) => Some(*room),
        _ => None,
    };
    if let To::Rooms(rooms) = to {
        rooms.iter().try_for_each(|room| events::check_room(room))?;
    }
    let Some(server) = nself_server() else {
        return Ok(false);
    };
    let rule = server.config.policies.get(name).map(|rule| rule.keep(Some(data)));
    let keep = rule.or(keep).or(Some(Keep::Close));
    let text = events::envelope(name, data, &events::iso(jiff::Timestamp::now().as_millisecond()), room);
    let Some(to) = to.selection() else {
        return Ok(true);
    };
    let batch = batch.unwrap_or_else(|| kind.is_some_and(Kind::is_batched));
    Ok(server.emit(Outgoing { nsp: "/", to, batch, keep, enveloped: true, text: &text, ..Outgoing::default() }))
}
