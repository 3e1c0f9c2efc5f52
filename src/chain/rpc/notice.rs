//! What the operator is told of an endpoint, and how often.

use std::time::Duration;

use tokio::time::Instant;

/// How often the operator is told that the same endpoint has trouble, at most.
const TOLD_EVERY: Duration = Duration::from_mins(10);

/// What the operator has to know of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It does not do what it should, and that lasts.
    Trouble {
        /// The URL without what may be secret.
        endpoint: String,
        /// Why, and what to do.
        cause: String,
    },
    /// It does again.
    Well {
        /// The URL without what may be secret.
        endpoint: String,
        /// How long it did not.
        after: Duration,
    },
}

/// What was told of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Since when it has had the trouble that the operator knows of.
    since: Option<Instant>,
    /// When trouble was told last.
    last: Option<Instant>,
}

impl Told {
    /// It has had trouble since then, and has it still. True when that is to be told: once, and seldom
    /// when it comes and goes.
    pub(super) fn trouble(&mut self, now: Instant, since: Instant) -> bool {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < TOLD_EVERY;
        if self.since.is_some() || self.last.is_some_and(is_fresh) {
            return false;
        }
        (self.since, self.last) = (Some(since), Some(now));
        true
    }

    /// It is well. How long the trouble lasted, if it was told.
    pub(super) fn well(&mut self, now: Instant) -> Option<Duration> {
        let since = self.since.take()?;
        Some(now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_comes_and_goes_is_told_of_every_ten_minutes() {
        let (mut told, start) = (Told::default(), Instant::now());
        let (mut troubles, mut wells) = (0, 0);
        for second in (0..3_600).step_by(20) {
            let now = start + Duration::from_secs(second);
            troubles += u32::from(told.trouble(now + Duration::from_secs(5), now));
            wells += u32::from(told.well(now + Duration::from_secs(10)).is_some());
        }
        assert_eq!((troubles, wells), (6, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_told_once_and_its_end_with_its_length() {
        let (mut told, start) = (Told::default(), Instant::now());
        let hours = |hours: u64| start + Duration::from_hours(hours);
        assert!(told.trouble(hours(1), start));
        assert!(!told.trouble(hours(2), start));
        assert_eq!(told.well(hours(3)), Some(Duration::from_hours(3)));
        assert_eq!(told.well(hours(3)), None);
    }
}
