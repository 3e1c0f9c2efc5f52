//! Whether a worker may go on with what it holds, and whether it may take over from others. Pure.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::Down;

/// How a worker stands with the database that keeps the leases.
#[derive(Debug)]
pub(super) struct Standing {
    heartbeat: Duration,
    /// How long after it was known what the server does refusals alone are believed to be for all.
    down_within: Duration,
    /// When the server last was there, or said itself that it is down.
    heard_at: Option<Instant>,
    /// Nobody can have taken its models before a lapse after this: when its last good heartbeat began,
    /// or a later one that found the server down.
    sure_at: Option<Instant>,
    /// Since when all heartbeats have been good.
    steady_since: Option<Instant>,
    was_alone: bool,
    down: Option<Down>,
    fenced_at: Option<Instant>,
}

impl Standing {
    pub(super) const fn new(heartbeat: Duration, down_within: Duration) -> Self {
        Self {
            heartbeat,
            down_within,
            heard_at: None,
            sure_at: None,
            steady_since: None,
            was_alone: true,
            down: None,
            fenced_at: None,
        }
    }

    /// How long a lease lasts after its last renewal.
    pub(super) fn lapse(&self) -> Duration {
        self.heartbeat * 2
    }

    /// A heartbeat that began then has just been good. Gives how long the worker was fenced, if it was.
    pub(super) fn succeeded(&mut self, begun: Instant, is_alone: bool) -> Option<Duration> {
        (self.sure_at, self.heard_at) = (Some(begun), Some(begun));
        self.steady_since.get_or_insert_with(Instant::now);
        (self.was_alone, self.down) = (is_alone, None);
        self.fenced_at.take().map(|at| at.elapsed())
    }

    /// A heartbeat that began then has failed. While nobody can take anything a worker that was fenced
    /// goes on, too: gives how long it was.
    pub(super) fn failed(&mut self, begun: Instant, down: Option<Down>) -> Option<Duration> {
        self.steady_since = None;
        self.down = None;
        self.sure_at?;
        if down == Some(Down::Said) {
            self.heard_at = self.heard_at.max(Some(begun));
        }
        self.down = down.filter(|_| self.believed_until().is_some_and(|until| begun < until));
        self.down?;
        self.sure_at = self.sure_at.max(Some(begun));
        self.fenced_at.take().map(|at| at.elapsed())
    }

    /// Until when refusals are believed.
    fn believed_until(&self) -> Option<Instant> {
        self.heard_at.map(|at| at + self.down_within)
    }

    /// When no model may be called any more, unless a heartbeat is good before.
    pub(super) fn fence_at(&self) -> Option<Instant> {
        if self.was_alone || self.is_fenced() {
            return None;
        }
        match self.down {
            Some(Down::Said) => None,
            Some(Down::Refused) => self.believed_until(),
            None => {
                let margin = self.heartbeat / 4;
                self.sure_at.map(|at| at + self.lapse() - margin)
            }
        }
    }

    pub(super) const fn is_fenced(&self) -> bool {
        self.fenced_at.is_some()
    }

    pub(super) fn fence(&mut self) {
        self.fenced_at = Some(Instant::now());
    }

    /// Whether a worker that lapsed has surely died: the database was there all the time for it to renew.
    pub(super) fn may_bury(&self) -> bool {
        let steady = self.steady_since.map(|at| at.elapsed());
        steady.is_some_and(|steady| steady >= self.lapse())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn standing(is_alone: bool) -> (Standing, Instant) {
        let mut standing = Standing::new(SECOND * 4, SECOND * 600);
        let begun = Instant::now();
        assert_eq!(standing.succeeded(begun, is_alone), None);
        (standing, begun)
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_cut_off_stops_before_its_leases_lapse() {
        let (mut standing, begun) = standing(false);
        assert_eq!(standing.fence_at(), Some(begun + SECOND * 7));
        advance(SECOND * 2).await;
        standing.failed(Instant::now(), None);
        assert_eq!(standing.fence_at(), Some(begun + SECOND * 7));
        standing.fence();
        assert_eq!(standing.fence_at(), None, "once");
        advance(SECOND * 3).await;
        let fenced = standing.succeeded(Instant::now(), false);
        assert_eq!(fenced, Some(SECOND * 3));
        assert!(standing.fence_at().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_alone_goes_on_and_so_does_one_that_holds_nothing() {
        let (mut standing, _) = standing(true);
        standing.failed(Instant::now(), None);
        assert_eq!(standing.fence_at(), None);
        let mut new = Standing::new(SECOND, SECOND * 600);
        new.failed(Instant::now(), None);
        new.failed(Instant::now(), Some(Down::Said));
        new.failed(Instant::now(), None);
        assert_eq!(new.fence_at(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_server_is_down_nobody_can_take_anything() {
        let (mut standing, _) = standing(false);
        advance(SECOND * 60).await;
        let down = Instant::now();
        standing.failed(down, Some(Down::Said));
        assert_eq!(standing.fence_at(), None);
        advance(SECOND).await;
        // It is up again, and does not answer.
        standing.failed(Instant::now(), None);
        assert_eq!(standing.fence_at(), Some(down + SECOND * 7));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_believed_for_a_while_as_they_may_come_from_what_stands_between() {
        let (mut standing, begun) = standing(false);
        let until = begun + SECOND * 600;
        for _ in 0..3 {
            advance(SECOND * 199).await;
            standing.failed(Instant::now(), Some(Down::Refused));
            assert_eq!(standing.fence_at(), Some(until));
        }
        advance(SECOND * 3).await;
        standing.fence();
        let now = Instant::now();
        assert_eq!(standing.failed(now, Some(Down::Refused)), None);
        assert!(standing.is_fenced());
        // The server itself can be trusted.
        assert_eq!(standing.failed(now, Some(Down::Said)), Some(Duration::ZERO));
        assert_eq!(standing.fence_at(), None);
        standing.failed(now, Some(Down::Refused));
        assert_eq!(standing.fence_at(), Some(now + SECOND * 600));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_fenced_goes_on_when_the_server_turns_out_to_be_down() {
        let (mut standing, begun) = standing(false);
        advance(SECOND * 7).await;
        standing.fence();
        advance(SECOND * 5).await;
        assert_eq!(standing.failed(Instant::now(), None), None);
        let fenced = standing.failed(Instant::now(), Some(Down::Refused));
        assert_eq!(fenced, Some(SECOND * 5));
        assert_eq!(standing.fence_at(), Some(begun + SECOND * 600));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_taken_over_from_before_he_could_have_renewed() {
        let (mut standing, _) = standing(false);
        assert!(!standing.may_bury(), "it has just come");
        advance(SECOND * 4).await;
        standing.succeeded(Instant::now(), false);
        advance(SECOND * 4).await;
        assert!(standing.may_bury());
        standing.failed(Instant::now(), Some(Down::Said));
        assert!(!standing.may_bury());
        standing.succeeded(Instant::now(), false);
        advance(SECOND * 7).await;
        assert!(!standing.may_bury());
        advance(SECOND).await;
        assert!(standing.may_bury());
    }
}
