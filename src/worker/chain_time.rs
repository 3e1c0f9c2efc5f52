//! This host's clock beside the time of the chain's blocks.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// A lead or lag that is told, in seconds. A block bears the time of the votes for the one before it, and
/// is a few seconds on its way.
const FAR: f64 = 30.0;
/// Blocks in a row that have to say the same, within so many seconds: a node that catches up sends old
/// blocks, each less old than the one before.
const AGREEING: usize = 5;
const ALIKE: f64 = 5.0;
/// How often it is told.
const SELDOM: Duration = Duration::from_hours(1);

/// The newest differences.
#[derive(Debug, Default)]
pub(super) struct ChainTime {
    /// The clock's lead, in seconds, the oldest first.
    leads: VecDeque<f64>,
    told: Option<Instant>,
}

impl ChainTime {
    /// A new block was heard of, over which the clock leads by so many seconds; gives them when they are
    /// to be told.
    pub(super) fn hear(&mut self, lead: f64, at: Instant) -> Option<f64> {
        self.leads.push_back(lead);
        self.leads
            .drain(..self.leads.len().saturating_sub(AGREEING));
        let agree = |other: &f64| (other - lead).abs() < ALIKE;
        let is_sure = self.leads.len() == AGREEING && self.leads.iter().all(agree);
        let is_new = self.told.is_none_or(|told| at - told >= SELDOM);
        if lead.abs() <= FAR || !is_sure || !is_new {
            return None;
        }
        self.told = Some(at);
        Some(lead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What blocks of each five seconds bring when the clock leads by so much at each.
    fn told(leads: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let (mut chain_time, begun) = (ChainTime::default(), Instant::now());
        let hear = |(block, lead): (u32, f64)| {
            chain_time.hear(lead, begun + Duration::from_secs(5) * block)
        };
        (0..).zip(leads).filter_map(hear).collect()
    }

    #[test]
    fn a_clock_that_is_far_off_is_told_once_an_hour() {
        for lead in [45.0, -3_600.0] {
            assert_eq!(told([lead; 20]), [lead]);
            assert_eq!(
                told([lead; 1_500]).len(),
                3,
                "in two hours and some minutes"
            );
        }
    }

    #[test]
    fn the_usual_way_of_a_block_and_a_node_that_catches_up_are_not() {
        assert!(told([6.0, 9.0, 29.0, -2.0].repeat(50)).is_empty());
        let catching_up = (0..200).map(|block| 900.0 - 4.5 * f64::from(block));
        assert!(told(catching_up.take_while(|lead| *lead > 0.0)).is_empty());
        assert!(told([600.0, 2.0, 600.0, 2.0].repeat(20)).is_empty());
    }

    #[test]
    fn a_clock_that_is_set_right_is_left_alone() {
        let leads = [vec![-90.0; 3], vec![2.0; 30]].concat();
        assert!(told(leads).is_empty());
    }
}
