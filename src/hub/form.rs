//! The deflated form of a run: made once, by whoever needs it first, for all who agreed on the same window.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::account::Shard;
use super::run::Run;
use crate::protocol::deflate::{Options, WINDOWS};

/// By the window, the smallest first.
pub type Forms = [OnceLock<Arc<Form>>; (*WINDOWS.end() - *WINDOWS.start()) as usize + 1];

/// One of them.
pub struct Form {
    window: u8,
    options: Options,
    /// None: it is no smaller.
    made: OnceLock<Option<Arc<Run>>>,
    /// Who waits for it.
    waiting: Mutex<Vec<Arc<dyn Shard>>>,
}

impl Form {
    /// For a window of so many bits; it is not made yet.
    pub fn new(window: u8, options: Options) -> Self {
        Self { window, options, made: OnceLock::new(), waiting: Mutex::default() }
    }

    /// Most threads that make forms at a time.
    pub fn threads(&self) -> usize {
        self.options.threads
    }

    /// What is to be sent in place of `run`: its deflated form, or itself. None: it is not made yet.
    pub fn get<'a>(&'a self, run: &'a Arc<Run>) -> Option<&'a Arc<Run>> {
        self.made.get().map(|made| made.as_ref().unwrap_or(run))
    }

    /// Makes it, unless it is made; waits if somebody makes it now. Tells who waits.
    pub fn make<'a>(&'a self, run: &'a Arc<Run>) -> &'a Arc<Run> {
        let made = self.made.get_or_init(|| run.deflated(self.window, &self.options));
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().for_each(|shard| shard.deflated());
        made.as_ref().unwrap_or(run)
    }

    /// Has a shard told when it is made. False: it is.
    pub fn wait(&self, shard: &Arc<dyn Shard>) -> bool {
        let mut waiting = self.waiting.lock();
        if self.made.get().is_some() {
            return false;
        }
        if !waiting.iter().any(|known| Arc::ptr_eq(known, shard)) {
            waiting.push(shard.clone());
        }
        true
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("made", &self.made).finish_non_exhaustive()
    }
}
