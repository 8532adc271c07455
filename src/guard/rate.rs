//! How often: token buckets, each one number, the time at which it is full again (GCRA). The crate `governor` does the
//! same, but its limiters hold a clock and a quota each, and one is wanted for every connection.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A moment in microseconds, on a clock that only goes forward.
pub type Micros = u64;

/// So many a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From one token to the next, in microseconds.
    step: u64,
    /// From empty to full, in microseconds.
    depth: u64,
}

impl Rate {
    /// `per_second` is 1 to 1 000 000, `burst` at least 1; what is beyond is brought there.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let step = 1_000_000 / u64::from(per_second.clamp(1, 1_000_000));
        Self { step, depth: step * u64::from(burst.max(1)) }
    }

    /// So many times as many, and as much at once.
    pub fn times(self, factor: u64) -> Self {
        let step = (self.step / factor).max(1);
        Self { step, depth: step * self.burst() * factor }
    }

    /// How many at once.
    pub fn burst(self) -> u64 {
        self.depth / self.step
    }

    /// When a bucket is full again from which one more was taken now; none if it is empty.
    fn take(self, full_at: Micros, now: Micros) -> Option<Micros> {
        let full_at = full_at.max(now) + self.step;
        (full_at - now <= self.depth).then_some(full_at)
    }
}

/// A bucket of one owner.
#[derive(Debug, Default)]
pub struct Bucket(Micros);

impl Bucket {
    /// Takes one. False: there is none.
    pub fn take(&mut self, rate: Rate, now: Micros) -> bool {
        let left = rate.take(self.0, now);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Takes so many, or what there is. Returns how many were missing.
    pub fn take_many(&mut self, rate: Rate, now: Micros, count: u64) -> u64 {
        let full_at = self.0.max(now);
        let taken = count.min(rate.depth.saturating_sub(full_at - now) / rate.step);
        if taken > 0 {
            self.0 = full_at + taken * rate.step;
        }
        count - taken
    }
}

/// A bucket of several threads.
#[derive(Debug, Default)]
pub struct SharedBucket(AtomicU64);

impl SharedBucket {
    /// Takes one. False: there is none.
    pub fn take(&self, rate: Rate, now: Micros) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |full_at| rate.take(full_at, now)).is_ok()
    }

    /// Whether it is full, as a new one is.
    pub fn is_full(&self, now: Micros) -> bool {
        self.0.load(Relaxed) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate::new(10, 5);
        let (mut own, shared) = (Bucket::default(), SharedBucket::default());
        let start = 7_000_000;
        let mut both = |now| {
            let took = own.take(rate, now);
            assert_eq!(shared.take(rate, now), took);
            took
        };
        assert_eq!((0..9).filter(|_| both(start)).count(), 5);
        assert!(!both(start + 99_999));
        assert!(both(start + 100_000) && !both(start + 100_000));
        assert_eq!((0..20).filter(|step| both(start + 200_000 + step * 50_000)).count(), 10, "half of twice the rate");
        let later = start + 60_000_000;
        assert_eq!((0..9).filter(|_| both(later)).count(), 5, "it does not grow beyond its burst");
        assert!(!shared.is_full(later + 499_999) && shared.is_full(later + 500_000));
    }

    #[test]
    fn many_at_once() {
        let (rate, mut bucket) = (Rate::new(10, 5), Bucket::default());
        assert_eq!([3, 3, 3].map(|count| bucket.take_many(rate, 1_000_000, count)), [0, 1, 3]);
        assert_eq!(bucket.take_many(rate, 1_200_000, 9), 7);
        assert_eq!(bucket.take_many(rate, 9_000_000, 9), 4);
    }

    #[test]
    fn multiples() {
        let rate = Rate::new(30, 60);
        assert_eq!((rate.burst(), rate.times(10).burst()), (60, 600));
        assert_eq!(Rate::new(u32::MAX, 0).burst(), 1);
    }
}
