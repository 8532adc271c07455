//! Percentiles of what was measured, in microseconds.

use serde_json::{Value, json};

/// Every sample is kept, so that the percentiles are exact.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.push((nanoseconds / 1000).min(u32::MAX.into()) as u32);
    }

    /// `{p50, p99, max}`, or null without samples.
    pub fn report(&mut self) -> Value {
        self.0.sort_unstable();
        let at = |share: f64| self.0.get(((self.0.len() as f64 * share) as usize).min(self.0.len() - 1));
        if self.0.is_empty() { Value::Null } else { json!({ "p50": at(0.5), "p99": at(0.99), "max": self.0.last() }) }
    }
}
