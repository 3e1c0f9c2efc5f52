//! What goes on though whoever began it waits no longer.

use tokio::{sync::Mutex, task::JoinHandle};

/// Something that takes longer than one may wait: the next one who asks waits for the same.
#[derive(Debug)]
pub(super) struct Underway<T, E>(Mutex<Option<JoinHandle<Result<T, E>>>>);

impl<T, E> Default for Underway<T, E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + 'static, E: Send + 'static> Underway<T, E> {
    /// The outcome of what is under way, or is begun now; none if it panicked. A failure from before it was
    /// asked for says nothing of now: then it is begun again.
    pub(super) async fn outcome<F>(&self, begin: impl FnOnce() -> F) -> Option<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let mut running = self.0.lock().await;
        if let Some(ended) = running.take_if(|it| it.is_finished())
            && let Ok(Ok(done)) = ended.await
        {
            return Some(Ok(done));
        }
        let outcome = running
            .get_or_insert_with(|| tokio::spawn(begin()))
            .await
            .ok();
        *running = None;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn slow(outcome: Result<u8, u8>) -> Result<u8, u8> {
        sleep(SECOND * 5).await;
        outcome
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_anybody_waits_is_done_all_the_same() {
        let underway = Underway::default();
        for _ in 0..4 {
            let asked = timeout(SECOND, underway.outcome(|| slow(Ok(1)))).await;
            assert!(asked.is_err());
        }
        let asked = timeout(SECOND * 2, underway.outcome(|| slow(Ok(2)))).await;
        assert_eq!(asked, Ok(Some(Ok(1))), "the first");
        assert_eq!(underway.outcome(|| slow(Ok(3))).await, Some(Ok(3)));
        // Done while nobody waited.
        let asked = timeout(SECOND, underway.outcome(|| slow(Ok(4)))).await;
        assert!(asked.is_err());
        sleep(SECOND * 10).await;
        assert_eq!(underway.outcome(|| slow(Ok(5))).await, Some(Ok(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_of_before_is_no_answer() {
        let underway = Underway::default();
        let asked = timeout(SECOND, underway.outcome(|| slow(Err(1)))).await;
        assert!(asked.is_err());
        sleep(SECOND * 10).await;
        assert_eq!(underway.outcome(|| slow(Err(2))).await, Some(Err(2)));
    }
}
