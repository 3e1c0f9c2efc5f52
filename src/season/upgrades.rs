//! What upgrades from emissions v9 to v10 did to the windows that they met.

use std::collections::{BTreeMap, BTreeSet};

use super::{ENOUGH, Run, Sentence};
use crate::devnet::{Fault, Hit, UpgradeRecord, WindowRecord};

/// Upgrades of a season, and the windows that were lost with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upgrades {
    /// Windows that were open when the chain went from v9 to v10 while the worker ran.
    pub connected: usize,
    /// Windows that such a halt, or the way back to v9, met and that were not answered.
    pub lost: usize,
    /// Of these, those that ended with the halt: it left fewer than five blocks.
    pub ended: usize,
    /// Of these, those that had time left, but no healthy endpoint or no running worker in it: another
    /// fault, or a kill.
    pub excused: usize,
    /// Of these, those without an excuse.
    pub unexcused: usize,
}

impl Upgrades {
    pub(super) fn of(
        upgrades: &[UpgradeRecord],
        hits: &[Hit],
        judged: &[(&WindowRecord, Sentence)],
        runs: &[Run],
    ) -> Self {
        let alive = upgrades
            .iter()
            .filter(|it| runs.iter().any(|run| run.covers(it.at, it.at)));
        let connected: BTreeSet<_> = alive.flat_map(|it| &it.windows).collect();
        // No block comes while one holds: the first one after it has the height at which it began.
        let mut resumed = BTreeMap::<(u64, i64), i64>::new();
        for hit in hits {
            if matches!(hit.order.fault, Fault::Upgrade | Fault::RollBack) {
                for window in &hit.windows {
                    let latest = resumed.entry(*window).or_default();
                    *latest = hit.since.max(*latest);
                }
            }
        }
        let mut all = Self::default();
        for (window, sentence) in judged {
            let key = (window.topic, window.nonce);
            all.connected += usize::from(connected.contains(&key));
            let Some(first) = resumed.get(&key).filter(|_| !sentence.answered) else {
                continue;
            };
            all.lost += 1;
            let left = window.end - first.max(&(window.nonce + 1)) + 1;
            if usize::try_from(left).unwrap_or_default() < ENOUGH {
                all.ended += 1;
            } else if sentence.answerable {
                all.unexcused += 1;
            } else {
                all.excused += 1;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        time::{Duration, Instant},
    };

    use rstest::rstest;

    use super::*;
    use crate::devnet::{Order, When};

    const NONCE: i64 = 1_000;
    const KEY: (u64, i64) = (67, NONCE);

    fn window() -> WindowRecord {
        WindowRecord {
            topic: KEY.0,
            nonce: NONCE,
            end: NONCE + 10,
            opened: Instant::now(),
            blocks: Vec::new(),
            answers: Vec::new(),
            faults: BTreeSet::new(),
        }
    }

    fn sentence(answered: bool, answerable: bool) -> Sentence {
        Sentence {
            answerable,
            had_endpoint: answerable,
            answered,
            twice: false,
            calm: false,
            latency: None,
            blocks: None,
        }
    }

    /// An upgrade whose halt ends before this block of the window.
    fn hit(block: i64) -> Hit {
        Hit {
            id: 1,
            order: Order {
                at: When::Now,
                endpoint: None,
                blocks: 3,
                fault: Fault::Upgrade,
            },
            since: NONCE + block,
            active: false,
            windows: BTreeSet::from([KEY]),
        }
    }

    #[rstest]
    #[case(7, false, (1, 1, 0, 0))]
    #[case(6, false, (1, 0, 1, 0))]
    #[case(6, true, (1, 0, 0, 1))]
    fn a_window_is_lost_with_its_halt_or_by_another_fault_or_without_an_excuse(
        #[case] block: i64,
        #[case] answerable: bool,
        #[case] expected: (usize, usize, usize, usize),
    ) {
        let window = window();
        let judged = [(&window, sentence(false, answerable))];
        let all = Upgrades::of(&[], &[hit(block)], &judged, &[]);
        let found = (all.lost, all.ended, all.excused, all.unexcused);
        assert_eq!(found, expected);
        let judged = [(&window, sentence(true, answerable))];
        let all = Upgrades::of(&[], &[hit(block)], &judged, &[]);
        assert_eq!(all, Upgrades::default());
    }

    #[test]
    fn an_upgrade_counts_while_the_worker_runs() {
        let window = window();
        let judged = [(&window, sentence(true, true))];
        let at = Instant::now() + Duration::from_secs(10);
        let upgrade = UpgradeRecord {
            at,
            height: NONCE + 4,
            windows: vec![KEY],
        };
        let run = |from| Run { from, until: None };
        let connected = |from| {
            let upgrades = std::slice::from_ref(&upgrade);
            Upgrades::of(upgrades, &[], &judged, &[run(from)]).connected
        };
        assert_eq!(
            connected(at.checked_sub(Duration::from_secs(1)).unwrap()),
            1
        );
        assert_eq!(connected(at + Duration::from_secs(1)), 0);
    }
}
