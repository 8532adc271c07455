//! The clock of the process: one start for emitters and shards, so that the way from an emit to its write can be timed.

use std::sync::LazyLock;
use std::time::Instant;

struct Start {
    at: Instant,
    wall: i64,
}

static START: LazyLock<Start> =
    LazyLock::new(|| Start { at: Instant::now(), wall: jiff::Timestamp::now().as_millisecond() });

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
    START.at.elapsed().as_micros() as u64
}

/// A moment of this clock, in microseconds, as milliseconds since 1970.
pub fn wall(micros: u64) -> i64 {
    START.wall + (micros / 1000) as i64
}

/// A moment of this clock, in milliseconds.
pub fn instant(millis: u64) -> Instant {
    START.at + std::time::Duration::from_millis(millis)
}
