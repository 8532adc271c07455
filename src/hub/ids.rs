//! Session and socket ids: 20 characters out of `A–Z a–z 0–9 - _`, as sticky load balancers expect them, from the
//! operating system's generator.

use std::fmt;
use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LENGTH: usize = 20;
/// Characters of a mark.
const MARK: usize = 4;
/// Random bytes that are fetched at a time.
const POOL: usize = 1280;

/// An id. The first character tells the shard (its place in the alphabet, modulo the shards); the other 19 are 114
/// random bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; LENGTH]);

impl Id {
    /// An id by its text, if it has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).then_some(Self(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("ids are ASCII")
    }

    /// Whether it was made with a mark: it is, or was, a socket's, and no name that somebody thought of.
    pub fn is_marked(&self) -> bool {
        self.0[LENGTH - MARK..] == mark(&self.0)
    }

    /// The shard that made it, out of so many.
    pub fn shard(&self, shards: usize) -> usize {
        ALPHABET.iter().position(|byte| *byte == self.0[0]).unwrap_or(0) % shards
    }
}

/// Session ids are secrets: only their form shows.
impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(…)")
    }
}

/// Makes ids.
#[derive(Debug)]
pub struct Ids {
    shard: usize,
    shards: usize,
    pool: Vec<u8>,
}

impl Ids {
    /// The ids of one shard out of so many.
    pub fn new(shard: usize, shards: usize) -> Self {
        Self { shard, shards, pool: Vec::new() }
    }

    /// A new id.
    ///
    /// # Panics
    /// When the operating system has no random numbers; the session that asked ends.
    pub fn next(&mut self) -> Id {
        if self.pool.len() < LENGTH {
            self.pool.resize(POOL, 0);
            fill(&mut self.pool);
        }
        let mut id = [0; LENGTH];
        for (char, random) in id.iter_mut().zip(self.pool.drain(self.pool.len() - LENGTH..)) {
            *char = ALPHABET[usize::from(random % 64)];
        }
        let places = 64 / self.shards;
        let first = ALPHABET.iter().position(|byte| *byte == id[0]).unwrap_or(0) % places;
        id[0] = ALPHABET[first * self.shards + self.shard];
        Id(id)
    }

    /// A new id that can be told from a name of the same form. It is known to others, and need not be a secret.
    pub fn next_marked(&mut self) -> Id {
        let Id(mut id) = self.next();
        let mark = mark(&id);
        id[LENGTH - MARK..].copy_from_slice(&mark);
        Id(id)
    }
}

/// Random bytes.
fn fill(pool: &mut [u8]) {
    #[cfg(test)]
    if let Some(seed) = SEED.get() {
        let mut state = seed;
        for byte in pool {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            *byte = (state >> 56) as u8;
        }
        return SEED.set(Some(state));
    }
    getrandom::fill(pool).expect("the operating system has random numbers");
}

#[cfg(test)]
thread_local! {
    /// What ids are made of in a simulation on this thread, so that it can be run again.
    pub static SEED: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// What the first characters of an id say of its last: one name in 16 million of 20 characters looks marked by chance.
fn mark(id: &[u8; LENGTH]) -> [u8; MARK] {
    let hash = FxBuildHasher.hash_one(&id[..LENGTH - MARK]);
    std::array::from_fn(|place| ALPHABET[(hash >> (6 * place)) as usize % 64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_find_their_shard() {
        for shards in 1..=8 {
            for shard in 0..shards {
                let mut ids = Ids::new(shard, shards);
                let made: std::collections::HashSet<Id> = (0..200).map(|_| ids.next()).collect();
                assert_eq!(made.len(), 200);
                assert!(made.iter().all(|id| id.shard(shards) == shard && Id::parse(id.as_str()) == Some(*id)));
            }
        }
        let mut ids = Ids::new(0, 1);
        assert!((0..200).all(|_| ids.next_marked().is_marked()));
        assert!(!(0..200).any(|_| ids.next().is_marked()));
        assert!(!Id::parse("document-12345678901").unwrap().is_marked());
        assert!(Id::parse("short").is_none() && Id::parse("ééééé ééééé").is_none());
    }
}
