//! The way into a shard: a queue of commands that the shard takes whole, and one wake-up, given only if it sleeps.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::command::Command;

/// A shard's queue of commands. Order of pushing is order of execution.
#[derive(Default)]
pub struct Mailbox {
    queue: Mutex<Vec<Command>>,
    sleeping: AtomicBool,
    wake: Notify,
}

impl Mailbox {
    /// Queues a command.
    pub fn push(&self, command: Command) {
        self.queue.lock().push(command);
        if self.sleeping.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Wakes the shard although no command came: it has output of its own to send.
    pub fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Takes all that is queued.
    pub fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.queue.lock())
    }

    /// Announces sleep. False: something came meanwhile.
    pub fn prepare_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::Release);
        if self.queue.lock().is_empty() {
            return true;
        }
        self.sleeping.store(false, Ordering::Release);
        false
    }

    /// Waits for a wake-up.
    pub async fn woken(&self) {
        self.wake.notified().await;
        self.sleeping.store(false, Ordering::Release);
    }
}
