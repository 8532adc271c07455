//! The way into a shard: a queue of commands that the shard takes whole, and one wake-up, given only if it sleeps. A
//! shard that has just worked naps instead: events gather for a moment, and only what somebody waits for wakes it.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::command::{Command, Input};
use crate::hub::account;

/// What the shard is doing, as far as those need to know who give it commands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It will look at the queue before it sleeps.
    #[default]
    Awake,
    /// It will look soon by itself; only what cannot wait wakes it.
    Napping,
    /// Everything wakes it.
    Asleep,
}

#[derive(Default)]
struct Inside {
    queue: Vec<Command>,
    /// Bytes of the events in it.
    bytes: usize,
    state: State,
}

/// Most bytes of events that should wait for one shard.
const MOST: usize = 64 << 20;
/// What an event costs beside its bytes.
const OVERHEAD: usize = 256;
/// Longest wait for a shard that does not get on.
const PATIENCE: Duration = Duration::from_secs(1);

/// A shard's queue of commands. Order of pushing is order of execution.
#[derive(Default)]
pub struct Mailbox {
    inside: Mutex<Inside>,
    room: Condvar,
    wake: Notify,
}

impl Mailbox {
    /// Queues a command.
    pub fn push(&self, command: impl Into<Command>) {
        let command = command.into();
        let may_wait = matches!(command, Command::Message(_, true));
        let mut inside = self.inside.lock();
        if let Command::Message(message, _) = &command {
            inside.bytes += message.event().map_or(0, |event| event.run.len()) + OVERHEAD;
        }
        inside.queue.push(command);
        let wakes = match inside.state {
            State::Awake => false,
            State::Napping => !may_wait,
            State::Asleep => true,
        };
        if wakes {
            inside.state = State::Awake;
            drop(inside);
            self.wake.notify_one();
        }
    }

    /// Wakes the shard although no command came: it has output of its own to send.
    pub fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Takes all that is queued into `taken`, which is empty.
    pub fn take(&self, taken: &mut Vec<Command>) {
        let mut inside = self.inside.lock();
        inside.state = State::Awake;
        std::mem::swap(&mut inside.queue, taken);
        if std::mem::take(&mut inside.bytes) > MOST {
            self.room.notify_all();
        }
    }

    /// Waits while more events are queued than should be: whoever emits faster than the shard can take is slowed down to its
    /// pace. Never longer than a second, and not to be called on a shard's thread.
    pub fn wait_for_room(&self) {
        let mut inside = self.inside.lock();
        if inside.bytes > MOST {
            self.room.wait_while_for(&mut inside, |inside| inside.bytes > MOST, PATIENCE);
        }
    }

    /// How many commands wait.
    #[allow(clippy::len_without_is_empty)] // Nobody asks.
    pub fn len(&self) -> usize {
        self.inside.lock().queue.len()
    }

    /// Announces sleep, or a nap. False: something came meanwhile.
    pub fn prepare_sleep(&self, nap: bool) -> bool {
        let mut inside = self.inside.lock();
        if inside.queue.is_empty() {
            inside.state = if nap { State::Napping } else { State::Asleep };
        }
        inside.queue.is_empty()
    }

    /// Waits for a wake-up.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl account::Shard for Mailbox {
    fn resume(&self, connection: u64) {
        self.push(Input::Resume { connection });
    }

    fn cut(&self, connection: u64) {
        self.push(Input::Cut { connection });
    }

    fn deflated(&self) {
        self.push(Input::Deflated);
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox")
    }
}
