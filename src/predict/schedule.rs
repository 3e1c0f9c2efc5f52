//! When which predictions are due. Pure.
//!
//! A round's slot is `k × interval + offset` in unix seconds, so it is the same in each process and
//! after each restart, and nothing drifts. Those that share horizon, step, interval and subset take
//! turns: their offsets divide the interval evenly.

use std::collections::{BTreeMap, HashMap};

use crate::store::{ConfigKey, PredictionConfig};

/// A round that is to be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// What is asked for.
    pub(super) config: PredictionConfig,
    /// Its name.
    pub(super) key: ConfigKey,
    /// When it was due, unix seconds.
    pub(super) slot: i64,
    /// How many slots before it passed without a round. They are not made up for.
    pub(super) missed: u64,
    /// Whether this process has made a round of it before.
    pub(super) is_running: bool,
}

/// Which rounds were made, and which come next.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    lines: BTreeMap<ConfigKey, Line>,
    /// Also of those that are not asked for just now.
    made: HashMap<ConfigKey, Made>,
}

#[derive(Debug)]
struct Line {
    config: PredictionConfig,
    offset: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Made {
    /// The slot of the last round that this process began, and the interval it had.
    begun: Option<(i64, u32)>,
    /// The newest slot that is known to be done.
    performed: Option<i64>,
}

impl Line {
    /// The newest slot that is not after a time.
    fn newest(&self, now: i64) -> i64 {
        let interval = i64::from(self.config.interval);
        (now - self.offset).div_euclid(interval) * interval + self.offset
    }
}

impl Made {
    /// The last round's slot. One that lies ahead by more than an interval is of a clock that was
    /// wrong, or of an earlier replay: believing it would mean a stand-still.
    fn last(&self, now: i64, interval: u32) -> Option<i64> {
        let slots = [self.begun.map(|(slot, _)| slot), self.performed];
        let believable = |slot: &i64| *slot <= now + i64::from(interval);
        slots.into_iter().flatten().filter(believable).max()
    }
}

impl Timetable {
    /// Asks for these from now on; their intervals are above 0. Of several with the same key the first
    /// in order counts.
    pub(super) fn set(&mut self, mut configs: Vec<PredictionConfig>) {
        configs.sort_by_key(|config| (config.order, config.key()));
        let mut turns: HashMap<_, Vec<PredictionConfig>> = HashMap::new();
        let mut keys = std::collections::HashSet::new();
        for config in configs {
            let group = (config.horizon, config.step, config.interval, config.best);
            if config.interval > 0 && keys.insert(config.key()) {
                turns.entry(group).or_default().push(config);
            }
        }
        self.lines.clear();
        for group in turns.into_values() {
            let count = i64::try_from(group.len()).unwrap_or(i64::MAX);
            for (place, config) in (0_i64..).zip(group) {
                let offset = place * i64::from(config.interval) / count;
                self.lines.insert(config.key(), Line { config, offset });
            }
        }
    }

    /// How many are asked for.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// A round is known to be done. Nothing changes when a newer one is.
    pub(super) fn performed(&mut self, key: &ConfigKey, slot: i64) {
        let made = self.made.entry(key.clone()).or_default();
        made.performed = made.performed.max(Some(slot));
    }

    /// A round was begun: it is due no more.
    pub(super) fn begin(&mut self, due: &Due) {
        let made = self.made.entry(due.key.clone()).or_default();
        made.begun = Some((due.slot, due.config.interval));
    }

    /// The rounds that are due, by order and key: of each the newest slot alone.
    pub(super) fn due(&self, now: i64) -> Vec<Due> {
        let due = self.lines.iter().filter_map(|(key, line)| {
            let made = self.made.get(key).copied().unwrap_or_default();
            let interval = line.config.interval;
            let (slot, last) = (line.newest(now), made.last(now, interval));
            last.is_none_or(|last| slot > last).then(|| Due {
                config: line.config.clone(),
                key: key.clone(),
                slot,
                missed: made.missed(last, slot, interval),
                is_running: made.begun.is_some(),
            })
        });
        let mut due: Vec<_> = due.collect();
        due.sort_by(|a, b| (a.config.order, &a.key).cmp(&(b.config.order, &b.key)));
        due
    }

    /// The newest slots of all, be they made or not, by key.
    pub(super) fn newest(&self, now: i64) -> Vec<Due> {
        let newest = self.lines.iter().map(|(key, line)| Due {
            config: line.config.clone(),
            key: key.clone(),
            slot: line.newest(now),
            missed: 0,
            is_running: true,
        });
        newest.collect()
    }

    /// When the next slot begins, unix seconds above `now`; none when nothing is asked for.
    pub(super) fn next(&self, now: i64) -> Option<i64> {
        let next = |line: &Line| line.newest(now) + i64::from(line.config.interval);
        self.lines.values().map(next).min()
    }
}

impl Made {
    /// The slots strictly between the last round and this one; none when the interval has changed
    /// meanwhile, as nobody can tell then what was due.
    fn missed(&self, last: Option<i64>, slot: i64, interval: u32) -> u64 {
        let is_other = self.begun.is_some_and(|(_, before)| before != interval);
        match last {
            Some(last) if !is_other => {
                u64::try_from((slot - last - 1).div_euclid(i64::from(interval))).unwrap_or(0)
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
