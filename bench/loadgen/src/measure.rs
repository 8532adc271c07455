//! What a server under test needs to be measured: the event that it sends, its CPU time and its memory.

/// What a timer may be late by; more than that counts as the server's delay. Nanoseconds.
const TIMER_SLACK: u64 = 2_000_000;

/// The fields of an event whose packet, `42["logs:stream",{…}]`, is 200 bytes long. `time`: when it was meant to be sent.
pub fn event(time: u64) -> String {
    let head = format!("{{\"service\":\"api\",\"line\":\"t={time:019} ");
    let tail = "\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"level\":\"info\"}";
    let padding = 200 - "42[\"logs:stream\",]".len() - head.len() - tail.len();
    format!("{head}{}{tail}", "x".repeat(padding))
}

/// The time to write into an event that was due at `due` and is sent now.
pub fn meant(due: u64) -> u64 {
    let now = crate::now_ns();
    if now.saturating_sub(due) < TIMER_SLACK { now } else { due }
}

/// CPU time of all threads so far, in microseconds.
pub fn cpu_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

/// Resident memory, in KiB.
pub fn rss_kib() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
