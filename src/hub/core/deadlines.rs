//! What is due when, for a whole shard: heartbeats, time-outs, batch windows. A key has one deadline: to set it again
//! replaces it.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::hub::seeded::Seeded;
use crate::session::Millis;

/// Deadlines, soonest first.
#[derive(Debug)]
pub struct Deadlines<K> {
    due: BTreeSet<(Millis, K)>,
    at: HashMap<K, Millis, Seeded>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { due: BTreeSet::new(), at: HashMap::default() }
    }
}

impl<K: Ord + Hash + Clone> Deadlines<K> {
    /// Something is due at this time, and not when it was before.
    pub fn set(&mut self, key: K, at: Millis) {
        if let Some(before) = self.at.insert(key.clone(), at) {
            if before == at {
                return;
            }
            let entry = (before, key);
            self.due.remove(&entry);
            self.due.insert((at, entry.1));
        } else {
            self.due.insert((at, key));
        }
    }

    /// It is not due any more.
    pub fn clear(&mut self, key: &K) {
        if let Some((key, at)) = self.at.remove_entry(key) {
            self.due.remove(&(at, key));
            self.shrink();
        }
    }

    /// Takes the next one that is due.
    pub fn pop(&mut self, now: Millis) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.at.remove(&key);
        self.shrink();
        Some(key)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// When something is due.
    #[cfg(any(test, fuzzing))]
    pub fn at(&self, key: &K) -> Option<Millis> {
        self.at.get(key).copied()
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // Nobody asks.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    fn shrink(&mut self) {
        let capacity = self.at.capacity();
        if capacity > 1024 && self.at.len() < (capacity >> 3) {
            self.at.shrink_to(2 * self.at.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soonest_first_and_one_for_each_key() {
        let mut deadlines = Deadlines::default();
        for (at, key) in [(30, 'c'), (10, 'a'), (20, 'b'), (5, 'b'), (25, 'b')] {
            deadlines.set(key, at);
        }
        deadlines.clear(&'x');
        assert_eq!((deadlines.len(), deadlines.next(), deadlines.pop(9)), (3, Some(10), None));
        assert_eq!((deadlines.pop(20), deadlines.pop(20)), (Some('a'), None));
        assert_eq!((deadlines.pop(25), deadlines.next()), (Some('b'), Some(30)));
        deadlines.clear(&'c');
        assert_eq!((deadlines.len(), deadlines.next(), deadlines.at.len()), (0, None, 0));
    }
}
