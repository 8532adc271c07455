//! The line protocol with the runner: commands come as JSON lines on standard input, answers leave on standard output.

use serde::de::DeserializeOwned;
use std::io::Write;

#[derive(Default)]
pub struct Input {
    pending: Vec<u8>,
}

impl Input {
    /// Reads the commands that have arrived. None when the runner has gone: the process must end with it.
    pub fn commands<T: DeserializeOwned>(&mut self) -> Option<Vec<T>> {
        let mut chunk = [0; 4096];
        let read = crate::poll::read(std::io::stdin(), &mut chunk)?;
        self.pending.extend_from_slice(&chunk[..read]);
        let end = memchr::memrchr(b'\n', &self.pending).map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.pending.drain(..end).collect();
        let commands = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Some(commands.map(|line| serde_json::from_slice(line).expect("a known command")).collect())
    }
}

/// Writes one answer.
pub fn say(value: serde_json::Value) {
    let mut out = std::io::stdout().lock();
    // A runner that no longer listens ends us by closing our input.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}
