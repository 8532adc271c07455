//! What the load generator and the floor are made of: frames, the event loop, the line protocol with the runner.

pub mod clients;
pub mod control;
pub mod frame;
pub mod latency;
pub mod measure;
pub mod members;
pub mod poll;

/// Nanoseconds of the monotonic clock, the one that Node's `process.hrtime` reads too.
pub fn now_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
