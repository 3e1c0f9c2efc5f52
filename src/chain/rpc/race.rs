//! One question to several endpoints: the next is asked when one fails, or takes too long.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{choice::Order, endpoint::Endpoint, failure::Failure};

/// An endpoint's answer.
pub(super) type Told<T> = (Arc<Endpoint>, Result<T, Failure>);

/// A question that is out.
pub(super) struct Race<T: 'static, C> {
    waiting: VecDeque<Arc<Endpoint>>,
    /// Those that rest: asked when all others have failed, or let wait for long.
    reserve: VecDeque<Arc<Endpoint>>,
    running: JoinSet<Told<T>>,
    /// Those that were asked and have not answered.
    silent: Vec<Arc<Endpoint>>,
    call: C,
    /// How long the next is not asked.
    delay: Duration,
    /// How long one that rests is not asked while an answer may come.
    most: Duration,
    next_at: Instant,
    /// Whether one was asked because another took too long.
    is_hedged: bool,
}

impl<T, C, F> Race<T, C>
where
    T: Send + 'static,
    C: Fn(Arc<Endpoint>) -> F,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    /// Asks nobody yet. `call` makes the request to one endpoint; after `delay` without an answer the
    /// next is asked beside it, and after `most` one that rests.
    pub(super) fn new(order: Order, delay: Duration, most: Duration, call: C) -> Self {
        Self {
            waiting: order.asked.into(),
            reserve: order.reserve.into(),
            running: JoinSet::new(),
            silent: Vec::new(),
            call,
            delay,
            most,
            next_at: Instant::now(),
            is_hedged: false,
        }
    }

    /// The next answer; none when all endpoints have given theirs. To come back for another means
    /// that the last one is of no use: one more endpoint is asked at once.
    pub(super) async fn next(&mut self) -> Option<Told<T>> {
        self.go_on();
        loop {
            tokio::select! {
                Some(done) = self.running.join_next() => match done {
                    Ok(answer) => return Some(self.heard(answer)),
                    // A request that panicked gives no answer.
                    Err(_) => self.go_on(),
                },
                () = sleep_until(self.next_at), if self.has_unasked() => {
                    self.is_hedged |= self.is_out();
                    let next = self.waiting.pop_front().or_else(|| self.reserve.pop_front());
                    self.start(next);
                }
                else => return None,
            }
        }
    }

    /// The answer of one that was asked already; nobody else is asked. None when none is out.
    pub(super) async fn late(&mut self) -> Option<Told<T>> {
        loop {
            if let Ok(answer) = self.running.join_next().await? {
                return Some(self.heard(answer));
            }
        }
    }

    fn heard(&mut self, answer: Told<T>) -> Told<T> {
        self.silent.retain(|it| !Arc::ptr_eq(it, &answer.0));
        answer
    }

    /// The endpoints that were asked and have not answered.
    pub(super) fn silent(&self) -> &[Arc<Endpoint>] {
        &self.silent
    }

    /// Whether endpoints are left that do not rest, asked or not.
    pub(super) fn has_more(&self) -> bool {
        self.is_out() || !self.waiting.is_empty()
    }

    /// Whether an endpoint was asked and has not answered.
    pub(super) fn is_out(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether one was asked because another took too long.
    pub(super) const fn is_hedged(&self) -> bool {
        self.is_hedged
    }

    fn has_unasked(&self) -> bool {
        !(self.waiting.is_empty() && self.reserve.is_empty())
    }

    /// Asks one more at once. One that rests has its turn when nobody else may still answer.
    fn go_on(&mut self) {
        let mut next = self.waiting.pop_front();
        if next.is_none() && !self.is_out() {
            next = self.reserve.pop_front();
        }
        self.start(next);
    }

    fn start(&mut self, endpoint: Option<Arc<Endpoint>>) {
        let Some(endpoint) = endpoint else { return };
        let pause = if self.waiting.is_empty() {
            self.most
        } else {
            self.delay
        };
        self.next_at = Instant::now() + pause;
        let answer = (self.call)(Arc::clone(&endpoint));
        self.silent.push(Arc::clone(&endpoint));
        self.running.spawn(async move { (endpoint, answer.await) });
    }
}

impl<T: 'static, C> Drop for Race<T, C> {
    /// The losers go on by themselves: their answers tell how they fare, and a connection that is
    /// cut in the middle of a request would have to be opened anew.
    fn drop(&mut self) {
        self.running.detach_all();
    }
}
