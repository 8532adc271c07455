//! The hub: the process's real-time servers and the shards that they share. It is a static of the library, so every
//! module copy, route bundle and worker of the process reaches the same one. Shards start with the first server and end
//! with the last.

mod admission;
pub(crate) mod attendance;
pub(crate) mod batch;
mod builtin;
mod clock;
mod closing;
pub(crate) mod command;
mod connection;
pub mod counters;
mod delivery;
mod gathering;
pub(crate) mod identity;
pub(crate) mod ids;
mod limits;
mod link;
pub(crate) mod mailbox;
mod membership;
pub(crate) mod outbox;
mod polls;
mod presence;
pub(crate) mod recovery;
pub(crate) mod rooms;
mod run;
pub mod server;
pub(crate) mod shard;
#[cfg(test)]
mod simulation;
pub mod stats;
mod timers;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use self::command::Command;
use self::mailbox::Mailbox;
use self::server::{Outgoing, Server, Sink};
use crate::config::Config;
use crate::error::Error;
use crate::events::{self, Keep, Kind};
use crate::log::Logger;
use crate::protocol::json;

pub use self::command::{Change, SocketKey};
pub use self::identity::{Ended, Identity};
pub use self::membership::shard_of;
pub use self::rooms::Selection;

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
    mailboxes: Option<Arc<[Arc<Mailbox>]>>,
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
    let mailboxes = match &hub.mailboxes {
        Some(mailboxes) => mailboxes.clone(),
        None => {
            let (mailboxes, threads) = start_shards()?;
            hub.threads = threads;
            hub.mailboxes.insert(mailboxes).clone()
        }
    };
    let nself = config.nself;
    crate::log::start(wake);
    let (level, has_logger) = (config.log_level, config.has_logger);
    let server = Server::new(NEXT_SERVER.fetch_add(1, Relaxed), config, sink, mailboxes);
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
        && let Some(mailboxes) = hub.as_ref().and_then(|hub| hub.mailboxes.as_ref())
    {
        mailboxes[0].nudge();
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

type Shards = (Arc<[Arc<Mailbox>]>, Vec<JoinHandle<()>>);

fn start_shards() -> Result<Shards, Error> {
    let count = shard_count();
    let mailboxes: Arc<[Arc<Mailbox>]> = (0..count).map(|_| Arc::default()).collect();
    let mut threads = Vec::with_capacity(count);
    for (index, mailbox) in mailboxes.iter().enumerate() {
        let mailbox = mailbox.clone();
        let started = std::thread::Builder::new()
            .name(format!("realtime-{index}"))
            .spawn(move || shard::run(index, count, mailbox));
        match started {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                mailboxes.iter().take(index).for_each(|mailbox| mailbox.push(Command::Stop));
                return Err(Error::new("ERR_THREADS", format!("cannot start a thread: {error}")));
            }
        }
    }
    Ok((mailboxes, threads))
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
            if let Some(mailboxes) = &hub.mailboxes {
                mailboxes.iter().for_each(|mailbox| mailbox.push(Command::Stop));
            }
            // The threads end by themselves; `join` waits for those of the hub that is still in place.
            let threads = std::mem::take(&mut hub.threads);
            STOPPING.lock().extend(threads);
            *guard = None;
        }
    }
    drop(guard);
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
    fn selection(&self, server: &Server) -> Option<Selection> {
        let names: rooms::Names = match self {
            Self::All => return Some(Selection::default()),
            Self::Rooms(rooms) => rooms.iter().map(|&room| room.into()).collect(),
            Self::Socket(id) => return Some(Selection::room((*id).into())),
            Self::User(user) => {
                server.presence(Some((*user).into())).into_iter().map(|entry| entry.socket_id.into()).collect()
            }
        };
        (!names.is_empty()).then(|| Selection { rooms: names, ..Selection::default() })
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
    let Some(to) = to.selection(&server) else {
        return Ok(true);
    };
    let batch = batch.unwrap_or_else(|| kind.is_some_and(Kind::is_batched));
    Ok(server.emit(Outgoing { nsp: "/", to, batch, keep, enveloped: true, text: &text, ..Outgoing::default() }))
}
