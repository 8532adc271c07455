//! One timer structure for a whole shard: heartbeats, time-outs, batch windows. Entries are not cancelled: whoever is
//! woken looks at its own deadline and may find that it has moved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::session::Millis;

/// Deadlines, soonest first.
#[derive(Debug)]
pub struct Timers<K> {
    heap: BinaryHeap<Reverse<(Millis, K)>>,
}

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new() }
    }
}

impl<K: Ord> Timers<K> {
    /// Asks for a wake-up.
    pub fn add(&mut self, at: Millis, key: K) {
        self.heap.push(Reverse((at, key)));
    }

    /// The next one that is due.
    pub fn pop_due(&mut self, now: Millis) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Millis> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soonest_first() {
        let mut timers = Timers::default();
        for (at, key) in [(30, 'c'), (10, 'a'), (20, 'b')] {
            timers.add(at, key);
        }
        assert_eq!((timers.next(), timers.pop_due(9)), (Some(10), None));
        assert_eq!((timers.pop_due(20), timers.pop_due(20), timers.pop_due(20)), (Some('a'), Some('b'), None));
    }
}
