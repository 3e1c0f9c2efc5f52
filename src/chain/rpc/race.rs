//! One question to several endpoints: the next is asked when one fails, or takes too long.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{endpoint::Endpoint, failure::Failure};

/// A question that is out.
pub(super) struct Race<T: 'static, C> {
    waiting: VecDeque<Arc<Endpoint>>,
    running: JoinSet<(Arc<Endpoint>, Result<T, Failure>)>,
    call: C,
    hedge_after: Duration,
    next_at: Instant,
}

impl<T, C, F> Race<T, C>
where
    T: Send + 'static,
    C: Fn(Arc<Endpoint>) -> F,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    /// Asks nobody yet. `call` makes the request to one endpoint.
    pub(super) fn new(order: Vec<Arc<Endpoint>>, hedge_after: Duration, call: C) -> Self {
        Self {
            waiting: order.into(),
            running: JoinSet::new(),
            call,
            hedge_after,
            next_at: Instant::now(),
        }
    }

    /// The next answer; none when all endpoints have given theirs. To come back for another means
    /// that the last one is of no use: one more endpoint is asked at once.
    pub(super) async fn next(&mut self) -> Option<(Arc<Endpoint>, Result<T, Failure>)> {
        self.start();
        loop {
            tokio::select! {
                Some(done) = self.running.join_next() => match done {
                    Ok(answer) => return Some(answer),
                    // A request that panicked gives no answer.
                    Err(_) => self.start(),
                },
                () = sleep_until(self.next_at), if !self.waiting.is_empty() => self.start(),
                else => return None,
            }
        }
    }

    /// Whether endpoints are left, asked or not.
    pub(super) fn has_more(&self) -> bool {
        self.is_out() || !self.waiting.is_empty()
    }

    /// Whether an endpoint was asked and has not answered.
    pub(super) fn is_out(&self) -> bool {
        !self.running.is_empty()
    }

    fn start(&mut self) {
        if let Some(endpoint) = self.waiting.pop_front() {
            self.next_at = Instant::now() + self.hedge_after;
            let answer = (self.call)(Arc::clone(&endpoint));
            self.running.spawn(async move { (endpoint, answer.await) });
        }
    }
}

impl<T: 'static, C> Drop for Race<T, C> {
    /// The losers go on by themselves: their answers tell how they fare, and a connection that is
    /// cut in the middle of a request would have to be opened anew.
    fn drop(&mut self) {
        self.running.detach_all();
    }
}
