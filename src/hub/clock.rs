//! The clock of the process: one start for emitters and shards, so that the way from an emit to its write can be timed.

use std::sync::LazyLock;
use std::time::Instant;

use super::core::Now;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[cfg(test)]
thread_local! {
    /// The time of a simulation on this thread, in microseconds.
    pub static VIRTUAL: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// Microseconds since the start.
pub fn micros() -> u64 {
    #[cfg(test)]
    if let Some(time) = VIRTUAL.get() {
        return time;
    }
    START.elapsed().as_micros() as u64
}

/// Milliseconds since 1970, as the system has it now: it may be set, and goes on while a machine sleeps.
pub fn wall() -> i64 {
    #[cfg(test)]
    if let Some(time) = VIRTUAL.get() {
        return (time / 1000) as i64;
    }
    jiff::Timestamp::now().as_millisecond()
}

/// Both.
pub fn now() -> Now {
    Now { micros: micros(), wall: wall() }
}

/// A moment of this clock, in milliseconds.
pub fn instant(millis: u64) -> Instant {
    *START + std::time::Duration::from_millis(millis)
}
