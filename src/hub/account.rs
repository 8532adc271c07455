//! What of one connection waits for JavaScript, in bytes. Beyond its share the connection is not read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Tells a shard that JavaScript has caught up with a connection.
pub trait Resume: Send + Sync {
    /// Reads the connection on.
    fn resume(&self, connection: u64);
}

/// Bytes of one connection's events that wait for JavaScript.
pub struct Account {
    /// The connection, as the shard names it.
    connection: u64,
    waiting: AtomicUsize,
    /// The shard has stopped reading.
    paused: AtomicBool,
    shard: Arc<dyn Resume>,
    limit: usize,
}

impl Account {
    /// An account of a connection.
    pub fn new(connection: u64, shard: Arc<dyn Resume>, limit: usize) -> Arc<Self> {
        Arc::new(Self { connection, waiting: AtomicUsize::new(0), paused: AtomicBool::new(false), shard, limit })
    }

    /// Counts an event in. The connection is paused if too much waits.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Credit {
        let waiting = self.waiting.fetch_add(bytes, Relaxed) + bytes;
        if waiting > self.limit {
            self.paused.store(true, Relaxed);
        }
        Credit { account: self.clone(), bytes }
    }

    /// Whether the connection must not be read for now.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} bytes)", self.waiting.load(Relaxed))
    }
}

/// An event's share of its connection's account; given back when dropped.
#[derive(Debug)]
pub struct Credit {
    account: Arc<Account>,
    bytes: usize,
}

impl Drop for Credit {
    fn drop(&mut self) {
        let account = &self.account;
        let waiting = account.waiting.fetch_sub(self.bytes, Relaxed) - self.bytes;
        if waiting <= account.limit / 2 && account.paused.swap(false, Relaxed) {
            account.shard.resume(account.connection);
        }
    }
}
