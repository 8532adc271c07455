//! The hash of maps whose keys clients choose: of the standard library (SipHash), with keys that the process draws when
//! it starts. Whoever does not know them cannot choose names that collide.

use std::hash::{BuildHasher, DefaultHasher, RandomState};
use std::sync::LazyLock;

static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// One state for all maps: a map of its own keys would keep them in each socket.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seeded;

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        KEYS.build_hasher()
    }
}
