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
