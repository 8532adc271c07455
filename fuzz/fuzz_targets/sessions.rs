//! A session under any sequence of steps at any times; the driver checks what must always hold. The first byte chooses
//! the transport, then each three bytes are one step.

#![no_main]

#[path = "../../tests/support/driver.rs"]
mod driver;

use driver::Step;
use libfuzzer_sys::fuzz_target;
use nself_realtime::session::engine::Timing;

const TIMING: Timing = Timing { ping_interval: 300, ping_timeout: 200, upgrade_timeout: 1000, close_timeout: 30_000 };

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let steps = rest.chunks_exact(3).map(|step| Step::of(step[0], u16::from_le_bytes([step[1], step[2]])));
    driver::run(first % 2 == 1, TIMING, steps);
});
