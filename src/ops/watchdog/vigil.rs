//! Who has been silent for how long, and what the clocks say of it.

use std::{collections::HashMap, time::Duration};

use crate::{
    clock::{Jump, Reading, jumps},
    pulse::{Shown, Weight},
};

/// A process that is starved is told of so often at most.
const FROZEN_AGAIN: Duration = Duration::from_mins(1);

/// What is known of the pulses between two looks.
pub(super) struct Vigil {
    period: Duration,
    limit: Duration,
    before: Option<Reading>,
    known: HashMap<usize, Silence>,
    /// When it was told last that the process was not run.
    frozen: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    beats: u64,
    /// By looks that came in time.
    lasted: Duration,
    told: bool,
}

/// A task and how long it was silent.
pub(super) type Silent = (&'static str, Duration);

/// What a look brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Jumps of the clocks, to be heeded.
    pub(super) jumps: Vec<Jump>,
    /// Those of them to be told.
    pub(super) news: Vec<Jump>,
    /// Tasks without which nothing goes on, silent beyond the limit.
    pub(super) stuck: Vec<Silent>,
    /// Others that are so since this look.
    pub(super) slow: Vec<Silent>,
    /// Those of them that go on.
    pub(super) back: Vec<Silent>,
}

impl Vigil {
    /// Looks come each `period`; silence beyond `limit` is an alarm.
    pub(super) fn new(period: Duration, limit: Duration) -> Self {
        Self {
            period,
            limit,
            before: None,
            known: HashMap::new(),
            frozen: None,
        }
    }

    /// One look at the clocks and the pulses. After a jump everyone has a new term: who did not run
    /// could not beat.
    pub(super) fn look(&mut self, now: Reading, shown: &[Shown]) -> Look {
        let before = self.before.replace(now).unwrap_or(now);
        let mut look = Look {
            jumps: jumps(before, now, self.period),
            ..Look::default()
        };
        look.news.clone_from(&look.jumps);
        look.news.retain(|jump| self.is_news(jump, now));
        let passed = if look.jumps.is_empty() {
            now.monotonic.saturating_sub(before.monotonic)
        } else {
            Duration::ZERO
        };
        let mut known = HashMap::with_capacity(shown.len());
        for pulse in shown {
            let known_before = self.known.get(&pulse.id).copied();
            let mut silence = match known_before {
                Some(mut same) if same.beats == pulse.beats => {
                    same.lasted += passed;
                    same
                }
                other => {
                    if let Some(other) = other.filter(|it| it.told) {
                        look.back.push((pulse.name, other.lasted));
                    }
                    Silence {
                        beats: pulse.beats,
                        ..Silence::default()
                    }
                }
            };
            if !look.jumps.is_empty() && !silence.told {
                silence.lasted = Duration::ZERO;
            }
            if silence.lasted >= self.limit {
                match pulse.weight {
                    Weight::Vital => look.stuck.push((pulse.name, silence.lasted)),
                    Weight::Told if !silence.told => {
                        silence.told = true;
                        look.slow.push((pulse.name, silence.lasted));
                    }
                    Weight::Told => {}
                }
            }
            known.insert(pulse.id, silence);
        }
        self.known = known;
        look
    }

    fn is_news(&mut self, jump: &Jump, now: Reading) -> bool {
        if !matches!(jump, Jump::Frozen(_)) {
            return true;
        }
        let told = self.frozen;
        let is_news = told.is_none_or(|at| now.monotonic.saturating_sub(at) >= FROZEN_AGAIN);
        if is_news {
            self.frozen = Some(now.monotonic);
        }
        is_news
    }
}

#[cfg(test)]
#[path = "vigil_tests.rs"]
mod tests;
