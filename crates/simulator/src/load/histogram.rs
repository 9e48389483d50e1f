//! Latencies in buckets of at most 1.6 % width.

use std::{fmt, time::Duration};

/// Buckets per power of two.
const SUB: usize = 64;

/// A histogram of durations from one microsecond to days.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; 40 * SUB],
            total: 0,
            max: Duration::ZERO,
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.total)
            .field("p50", &self.quantile(0.5))
            .field("p95", &self.quantile(0.95))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max)
            .finish()
    }
}

impl Histogram {
    /// Adds one duration.
    pub fn record(&mut self, duration: Duration) {
        let bucket = bucket(duration.as_micros() as u64).min(self.counts.len() - 1);
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(duration);
    }

    /// Adds all of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (own, added) in self.counts.iter_mut().zip(&other.counts) {
            *own += added;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many durations were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// The longest.
    #[must_use]
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// The duration below which this share (0 to 1) lies; zero when empty.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_micros(upper(index)).min(self.max);
            }
        }
        self.max
    }
}

/// Values below 64 have their own bucket; above, each power of two has 64.
fn bucket(micros: u64) -> usize {
    if micros < SUB as u64 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let shift = power - 6;
    (shift + 1) * SUB + ((micros >> shift) as usize - SUB)
}

fn upper(index: usize) -> u64 {
    if index < SUB {
        return index as u64;
    }
    let shift = index / SUB - 1;
    (((index % SUB + SUB + 1) as u64) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000 {
            histogram.record(Duration::from_micros(micros));
        }
        for share in [0.01, 0.5, 0.95, 0.99, 1.0] {
            let found = histogram.quantile(share).as_micros() as f64;
            let exact = 100_000.0 * share;
            assert!(
                (found - exact).abs() / exact < 0.02,
                "{share}: {found} for {exact}"
            );
        }
        assert_eq!(histogram.max(), Duration::from_micros(100_000));
    }

    #[test]
    fn merging_adds() {
        let (mut a, mut b) = (Histogram::default(), Histogram::default());
        a.record(Duration::from_millis(1));
        b.record(Duration::from_secs(3));
        a.merge(&b);
        assert_eq!((a.count(), a.max()), (2, Duration::from_secs(3)));
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
