//! How long an endpoint's answers take, and how long the next is not asked beside it.

use std::{collections::VecDeque, time::Duration};

/// What is asked of an endpoint, as far as times differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A transaction for the mempool.
    Broadcast,
    /// The status, a query, a look-up.
    Query,
    /// A block or its results, which may be large.
    Block,
}

/// How many kinds there are.
pub(super) const KINDS: usize = 3;

/// The newest answers of a kind by which the usual time is told.
const KEPT: usize = 32;
/// Answers without which a kind's usual time is not known.
const LEAST: usize = 8;
/// Of those, so many percent came sooner than the usual time: a node that is slow now and then, or was
/// for a while, does not make slowness usual.
const QUANTILE: usize = 80;
/// How many usual times an answer may take before the next endpoint is asked beside.
const PATIENCE: u32 = 3;

/// The times of one endpoint's newest answers, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    kinds: [Recent; KINDS],
}

#[derive(Clone, Debug, Default)]
struct Recent {
    times: VecDeque<Duration>,
    usual: Option<Duration>,
}

impl Latencies {
    pub(super) fn note(&mut self, kind: Kind, took: Duration) {
        let recent = &mut self.kinds[kind as usize];
        if recent.times.len() == KEPT {
            recent.times.pop_front();
        }
        recent.times.push_back(took);
        let mut sorted: Vec<_> = recent.times.iter().copied().collect();
        sorted.sort_unstable();
        let place = sorted.len() * QUANTILE / 100;
        recent.usual = (sorted.len() >= LEAST)
            .then(|| sorted.get(place).or(sorted.last()).copied())
            .flatten();
    }

    /// The time within which answers of a kind usually come: the 80th percentile of the newest. A kind
    /// that was seldom asked for is taken to be as fast as queries.
    pub(super) fn usual(&self, kind: Kind) -> Option<Duration> {
        let own = self.kinds[kind as usize].usual;
        match kind {
            // Blocks are far larger than other answers.
            Kind::Block => own,
            Kind::Broadcast | Kind::Query => own.or(self.kinds[Kind::Query as usize].usual),
        }
    }
}

/// How long an endpoint may take before another is asked beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hedge {
    /// Never sooner: healthy nodes have their pauses, too.
    pub(super) least: Duration,
    /// Never later.
    pub(super) most: Duration,
}

impl Hedge {
    /// Three times the usual time of the fastest that is well: to wait much longer for one than another
    /// usually takes gains nothing. While nothing is known, the longest.
    pub(super) fn delay(self, usual: impl Iterator<Item = Duration>) -> Duration {
        let fastest = usual.min();
        fastest.map_or(self.most, |usual| {
            usual
                .saturating_mul(PATIENCE)
                .max(self.least)
                .min(self.most)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEDGE: Hedge = Hedge {
        least: Duration::from_millis(20),
        most: Duration::from_millis(500),
    };

    fn after(times: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        for ms in times {
            latencies.note(Kind::Query, Duration::from_millis(ms));
        }
        latencies
    }

    fn delay_of(latencies: &Latencies) -> u128 {
        let usual = latencies.usual(Kind::Broadcast);
        HEDGE.delay(usual.into_iter()).as_millis()
    }

    #[test]
    fn an_endpoint_of_8_ms_is_waited_for_24_and_an_unknown_one_the_longest() {
        assert_eq!(delay_of(&after([8; 7])), 500, "too few to tell");
        assert_eq!(delay_of(&after([8; 20])), 24);
        assert_eq!(delay_of(&after([1; 20])), 20);
        assert_eq!(delay_of(&after([400; 20])), 500);
    }

    #[test]
    fn one_late_answer_of_32_changes_nothing_and_the_old_ones_are_forgotten() {
        assert_eq!(delay_of(&after([10; 31].into_iter().chain([900]))), 30);
        assert_eq!(delay_of(&after([100; 40].into_iter().chain([10; 32]))), 30);
    }

    #[test]
    fn one_that_is_slow_every_fifth_time_is_not_usually_slow() {
        let times = (0..32).map(|turn| if turn % 5 == 4 { 300 } else { 20 });
        assert_eq!(delay_of(&after(times)), 60);
    }

    #[test]
    fn large_blocks_tell_nothing_of_broadcasts() {
        let mut latencies = after([10; 20]);
        for _ in 0..20 {
            latencies.note(Kind::Block, Duration::from_millis(90));
        }
        assert_eq!(delay_of(&latencies), 30);
        assert_eq!(latencies.usual(Kind::Block).unwrap().as_millis(), 90);
    }

    #[test]
    fn the_fastest_counts() {
        let ms = Duration::from_millis;
        assert_eq!(HEDGE.delay([ms(100), ms(15)].into_iter()), ms(45));
    }
}
