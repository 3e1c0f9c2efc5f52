//! When an endpoint is left in peace: a state machine without a clock of its own.
//!
//! Closed, it is asked. After failures in a row it opens: the endpoint rests, and others are asked in
//! its place. When the pause is over, one probe may go out, as it does after a single failure already;
//! an answer that counts closes it, whoever asked, and a probe that fails makes the next pause twice as
//! long.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const OPENS_AFTER: u32 = 3;
/// The longest time that a node may ask to be left in peace.
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// Doublings of the pause that are counted.
const MOST_DOUBLINGS: u32 = 16;

/// Whether an endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    #[default]
    Closed,
    /// It rests: it is asked only when nobody else is left.
    Open,
    /// It rests, and one probe is out that tells whether it is well again.
    HalfOpen,
}

/// How long an endpoint rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// The first pause.
    pub(super) least: Duration,
    /// The longest one.
    pub(super) most: Duration,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            least: Duration::from_secs(1),
            most: Duration::from_secs(60),
        }
    }
}

impl Rest {
    /// The pause after so many doublings; `jitter` is a factor near 1.
    fn after(self, doublings: u32, jitter: f64) -> Duration {
        let whole = self.least.saturating_mul(1 << doublings);
        whole.min(self.most).mul_f64(jitter).min(self.most)
    }
}

/// Why an endpoint's answer does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Blow {
    /// For how long the node asks to be left in peace.
    pub(super) retry_after: Option<Duration>,
    /// Whether one such failure is enough.
    pub(super) is_final: bool,
}

/// The breaker of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Since when it is open.
    open: Option<Instant>,
    /// When the next probe may go out; none while all is well.
    due: Option<Instant>,
    /// Until when the node itself asked to be left in peace.
    asked_for: Option<Instant>,
    /// Whether a probe is out.
    probing: bool,
    doublings: u32,
    /// When it closed last.
    closed: Option<Instant>,
}

impl Breaker {
    pub(super) const fn state(&self) -> BreakerState {
        match (self.open, self.probing) {
            (None, _) => BreakerState::Closed,
            (Some(_), false) => BreakerState::Open,
            (Some(_), true) => BreakerState::HalfOpen,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How long it has been open.
    pub(super) fn open_for(&self, now: Instant) -> Option<Duration> {
        self.open.map(|since| now.saturating_duration_since(since))
    }

    /// When the next probe may go out: also of one that is closed and failed last.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes note of a failure. True when it opens.
    pub(super) fn failed(&mut self, now: Instant, rest: Rest, jitter: f64, blow: Blow) -> bool {
        self.failures = self.failures.saturating_add(1);
        let asked_for = blow.retry_after.map(|it| now + it.min(LONGEST_WAIT));
        self.asked_for = self.asked_for.max(asked_for);
        let opens = self.open.is_none()
            && (self.failures >= OPENS_AFTER || asked_for.is_some() || blow.is_final);
        if opens {
            // One that was well for a moment only rests longer, as if it had never been.
            let was_sound = self
                .closed
                .is_none_or(|at| now.saturating_duration_since(at) > rest.most);
            self.doublings = if was_sound { 0 } else { self.more() };
            self.open = Some(now);
            self.due = None;
        }
        let due = self.due.unwrap_or(now + rest.after(self.doublings, jitter));
        self.due = Some(due).max(self.asked_for);
        opens
    }

    /// Takes note of an answer that counts.
    pub(super) fn answered(&mut self, now: Instant) {
        (self.failures, self.due, self.asked_for) = (0, None, None);
        if self.open.take().is_some() {
            self.closed = Some(now);
        }
    }

    /// Whether a probe goes out now; if so, it counts as out until [`Self::probed`].
    pub(super) fn begin_probe(&mut self, now: Instant) -> bool {
        let is_due = !self.probing && self.due.is_some_and(|due| due <= now);
        self.probing |= is_due;
        is_due
    }

    /// The probe has ended. How it went was told by [`Self::failed`] or [`Self::answered`].
    pub(super) fn probed(&mut self, now: Instant, rest: Rest, jitter: f64) {
        self.probing = false;
        if self.due.is_none() {
            return;
        }
        // The one that opened it has the first pause still before it.
        if self.open.is_some_and(|since| since < now) {
            self.doublings = self.more();
        }
        let due = now + rest.after(self.doublings, jitter);
        self.due = Some(due).max(self.asked_for);
    }

    /// Something comes for which all are needed: the next probe need not wait longer than the node
    /// itself asked for. True when that is news.
    pub(super) fn hurry(&mut self, now: Instant) -> bool {
        let Some(due) = self.due.filter(|_| !self.probing) else {
            return false;
        };
        let earliest = self.asked_for.unwrap_or(now).max(now);
        self.due = Some(due.min(earliest));
        earliest < due
    }

    fn more(&self) -> u32 {
        (self.doublings + 1).min(MOST_DOUBLINGS)
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
