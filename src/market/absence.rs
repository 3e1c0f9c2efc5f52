//! When hours that a source did not have are asked for again.

use std::collections::BTreeMap;

use crate::forecast::HOUR;

/// Age in seconds up to which an hour that the source did not have is expected to appear any moment.
pub(super) const RECENT: i64 = 3 * HOUR;
/// First pause, in seconds, before an older hour is asked for again.
const FIRST_PAUSE: i64 = HOUR;
/// The longest pause, in seconds: what was asked for in vain for long is asked for once a day.
const DAY: i64 = 24 * HOUR;

#[derive(Clone, Copy, Debug)]
struct Absence {
    /// How often it was asked for in vain.
    tries: u32,
    /// From when it is asked for again, unix seconds.
    again: i64,
}

/// The hours that one source did not have, by their start in unix seconds. Each is asked for again after
/// a pause that doubles, up to a day.
#[derive(Debug)]
pub(super) struct Absences {
    /// First pause, in seconds, for an hour that has just ended.
    poll: i64,
    hours: BTreeMap<i64, Absence>,
}

impl Absences {
    pub(super) fn new(poll: i64) -> Self {
        let hours = BTreeMap::new();
        Self { poll, hours }
    }

    /// Whether an hour may be asked for now.
    pub(super) fn allow(&self, hour: i64, now: i64) -> bool {
        self.hours
            .get(&hour)
            .is_none_or(|absence| absence.again <= now)
    }

    /// Notes that an hour was asked for in vain.
    pub(super) fn note(&mut self, hour: i64, now: i64) {
        let first = if now - hour - HOUR < RECENT {
            self.poll
        } else {
            FIRST_PAUSE
        };
        let absence = self.hours.entry(hour).or_insert(Absence {
            tries: 0,
            again: now,
        });
        let pause = first.saturating_mul(1 << absence.tries.min(16)).min(DAY);
        absence.tries = absence.tries.saturating_add(1);
        absence.again = now + pause;
    }

    /// The hour has come after all.
    pub(super) fn forget(&mut self, hour: i64) {
        self.hours.remove(&hour);
    }

    /// Forgets hours before `since`.
    pub(super) fn trim(&mut self, since: i64) {
        self.hours = self.hours.split_off(&since);
    }

    /// When the first of those that are still lacking is asked for again.
    pub(super) fn next(&self, lacking: impl Fn(i64) -> bool) -> Option<i64> {
        let lacking = self.hours.iter().filter(|(hour, _)| lacking(**hour));
        lacking.map(|(_, absence)| absence.again).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000 * DAY;

    fn pauses(hour: i64, count: usize) -> Vec<i64> {
        let mut absences = Absences::new(60);
        let mut now = NOW;
        let mut pauses = Vec::new();
        for _ in 0..count {
            assert!(absences.allow(hour, now));
            absences.note(hour, now);
            assert!(!absences.allow(hour, now));
            let again = absences.next(|_| true).unwrap();
            pauses.push(again - now);
            now = again;
        }
        pauses
    }

    #[test]
    fn pauses_double_up_to_a_day() {
        let hours = |list: [i64; 7]| list.map(|hours| hours * HOUR);
        assert_eq!(pauses(NOW - 10 * DAY, 7), hours([1, 2, 4, 8, 16, 24, 24]));
        let minutes: Vec<_> = pauses(NOW - HOUR, 6).iter().map(|it| it / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32]);
        assert_eq!(pauses(NOW - HOUR, 20).last(), Some(&DAY));
    }

    #[test]
    fn what_has_come_or_is_too_old_is_forgotten() {
        let mut absences = Absences::new(60);
        absences.note(NOW, NOW + HOUR);
        absences.note(NOW - DAY, NOW);
        absences.forget(NOW);
        assert!(absences.allow(NOW, NOW));
        absences.trim(NOW - HOUR);
        assert_eq!(absences.next(|_| true), None);
    }
}
