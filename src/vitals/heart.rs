//! Whether the process is alive: by its tasks' signs of life, as the watchdog reads them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::pulse::{BEAT, Pulses, Weight};

/// What is known of the vital tasks' beats.
#[derive(Clone, Debug, Default)]
pub(super) struct Heart(Arc<Mutex<HashMap<usize, Beat>>>);

#[derive(Clone, Copy, Debug)]
struct Beat {
    name: &'static str,
    beats: u64,
    /// When it was last seen to beat.
    at: Instant,
    limit: Duration,
}

impl Heart {
    /// Looks at the pulses each second, for ever; silence beyond `limit` is death.
    pub(super) async fn listen(self, pulses: Pulses, limit: Duration) {
        let mut looks = interval(BEAT);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look(&pulses, limit);
        }
    }

    fn look(&self, pulses: &Pulses, limit: Duration) {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = pulses.show().into_iter();
        let vital = shown.filter(|it| it.weight == Weight::Vital);
        let seen = vital.map(|it| {
            let same = known.get(&it.id).filter(|beat| beat.beats == it.beats);
            let beat = Beat {
                name: it.name,
                beats: it.beats,
                at: same.map_or(now, |beat| beat.at),
                limit,
            };
            (it.id, beat)
        });
        *known = seen.collect();
    }

    /// The vital task that has been silent for too long, and for how long.
    pub(super) fn silent(&self) -> Option<(&'static str, Duration)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = known.values().filter(|it| it.at.elapsed() >= it.limit);
        let longest = silent.min_by_key(|it| it.at)?;
        Some((longest.name, longest.at.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_vital_task_that_is_silent_for_long_is_named_and_a_slow_one_is_not() {
        let pulses = Pulses::default();
        let (feed, journal) = (
            pulses.pulse("feed", Weight::Vital),
            pulses.pulse("journal", Weight::Told),
        );
        let heart = Heart::default();
        tokio::spawn(heart.clone().listen(pulses, Duration::from_secs(10)));
        for _ in 0..20 {
            feed.beat();
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(heart.silent(), None);
        sleep(Duration::from_secs(11)).await;
        assert_eq!(heart.silent().map(|(name, _)| name), Some("feed"));
        feed.beat();
        sleep(Duration::from_secs(2)).await;
        assert_eq!(heart.silent(), None);
        drop(journal);
    }
}
