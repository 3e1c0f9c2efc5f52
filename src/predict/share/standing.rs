//! Whether a worker may go on with what it holds, and whether it may take over from others. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// How a worker stands with the database that keeps the leases.
#[derive(Debug)]
pub(super) struct Standing {
    heartbeat: Duration,
    /// Nobody can have taken its models before a lapse after this: when its last good heartbeat began,
    /// or a later one that found the server down.
    sure_at: Option<Instant>,
    /// Since when all heartbeats have been good.
    steady_since: Option<Instant>,
    was_alone: bool,
    is_down: bool,
    fenced_at: Option<Instant>,
}

impl Standing {
    pub(super) const fn new(heartbeat: Duration) -> Self {
        Self {
            heartbeat,
            sure_at: None,
            steady_since: None,
            was_alone: true,
            is_down: false,
            fenced_at: None,
        }
    }

    /// How long a lease lasts after its last renewal.
    pub(super) fn lapse(&self) -> Duration {
        self.heartbeat * 2
    }

    /// A heartbeat that began then has just been good. Gives how long the worker was fenced, if it was.
    pub(super) fn succeeded(&mut self, begun: Instant, is_alone: bool) -> Option<Duration> {
        self.sure_at = Some(begun);
        self.steady_since.get_or_insert_with(Instant::now);
        (self.was_alone, self.is_down) = (is_alone, false);
        self.fenced_at.take().map(|at| at.elapsed())
    }

    /// A heartbeat that began then has failed.
    pub(super) fn failed(&mut self, begun: Instant, is_down: bool) {
        self.steady_since = None;
        self.is_down = is_down;
        if is_down && self.sure_at.is_some() {
            self.sure_at = self.sure_at.max(Some(begun));
        }
    }

    /// When no model may be called any more, unless a heartbeat is good before.
    pub(super) fn fence_at(&self) -> Option<Instant> {
        if self.was_alone || self.is_down || self.fenced_at.is_some() {
            return None;
        }
        let margin = self.heartbeat / 4;
        self.sure_at.map(|at| at + self.lapse() - margin)
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
        let mut standing = Standing::new(SECOND * 4);
        let begun = Instant::now();
        assert_eq!(standing.succeeded(begun, is_alone), None);
        (standing, begun)
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_cut_off_stops_before_its_leases_lapse() {
        let (mut standing, begun) = standing(false);
        assert_eq!(standing.fence_at(), Some(begun + SECOND * 7));
        advance(SECOND * 2).await;
        standing.failed(Instant::now(), false);
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
        standing.failed(Instant::now(), false);
        assert_eq!(standing.fence_at(), None);
        let mut new = Standing::new(SECOND);
        new.failed(Instant::now(), false);
        new.failed(Instant::now(), true);
        new.failed(Instant::now(), false);
        assert_eq!(new.fence_at(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_server_is_down_nobody_can_take_anything() {
        let (mut standing, _) = standing(false);
        advance(SECOND * 60).await;
        let down = Instant::now();
        standing.failed(down, true);
        assert_eq!(standing.fence_at(), None);
        advance(SECOND).await;
        // It is up again, and does not answer.
        standing.failed(Instant::now(), false);
        assert_eq!(standing.fence_at(), Some(down + SECOND * 7));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_taken_over_from_before_he_could_have_renewed() {
        let (mut standing, _) = standing(false);
        assert!(!standing.may_bury(), "it has just come");
        advance(SECOND * 4).await;
        standing.succeeded(Instant::now(), false);
        advance(SECOND * 4).await;
        assert!(standing.may_bury());
        standing.failed(Instant::now(), true);
        assert!(!standing.may_bury());
        standing.succeeded(Instant::now(), false);
        advance(SECOND * 7).await;
        assert!(!standing.may_bury());
        advance(SECOND).await;
        assert!(standing.may_bury());
    }
}
