//! The way into a shard: a queue of commands that the shard takes whole, and one wake-up, given only if it sleeps. A
//! shard that has just worked naps instead: events gather for a moment, and only what somebody waits for wakes it.

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::command::{Command, Input};
use crate::hub::account::Resume;

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
    state: State,
}

/// A shard's queue of commands. Order of pushing is order of execution.
#[derive(Default)]
pub struct Mailbox {
    inside: Mutex<Inside>,
    wake: Notify,
}

impl Mailbox {
    /// Queues a command.
    pub fn push(&self, command: impl Into<Command>) {
        let command = command.into();
        let may_wait = matches!(command, Command::Message(_, true));
        let mut inside = self.inside.lock();
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
    }

    /// How many commands wait.
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

impl Resume for Mailbox {
    fn resume(&self, connection: u64) {
        self.push(Input::Resume { connection });
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox")
    }
}
