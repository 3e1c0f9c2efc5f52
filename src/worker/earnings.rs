//! What the chain makes of our answers: the blocks that settle nonces are read beside the path.
//!
//! A nonce is settled at the end of a block that opens a later window of its topic, so that the openings
//! are all that has to be read: those that are heard of, and those that went by while nobody was there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError},
    },
    time::{sleep, timeout},
};

use super::{Bystander, Chain};
use crate::{
    chain::{ChainError, Settled},
    clock::SharedClock,
    learning::Network as _,
    ops::{Event, GaugeEvent, Reporter, Stamped},
    store::{EarningsRepository, Paid, Scored, StoreError, Wallet},
    types::{Height, TopicId},
};

/// The most openings of a topic that are read after a while away: nodes keep no more for long, and each
/// is a question.
const MOST: i64 = 300;
/// How long one question, or one note, may take.
const BOUND: Duration = Duration::from_secs(20);
/// Pause after a question, or a note, that went wrong.
const AGAIN: Duration = Duration::from_secs(30);
/// How often nodes may say that they do not have a new block, before it is given up.
const TRIES: u32 = 3;
/// A block that is older by so many is gone where it is not there: no node lags that far.
const LATE: i64 = 100;
/// How long what was earned is kept.
const KEPT: Duration = Duration::from_hours(365 * 24);

/// Reads what blocks settle for the wallet, tells it, and notes it.
pub struct Earner {
    chain: Arc<Chain>,
    earnings: Arc<dyn EarningsRepository>,
    reporter: Reporter,
    clock: SharedClock,
    quiet: Bystander,
    wallet: Wallet,
    wanted: Mutex<BTreeMap<Height, Wanted>>,
    /// The newest opening of each topic that was heard of.
    newest: Mutex<BTreeMap<TopicId, Height>>,
    news: Notify,
}

/// A block that is to be read.
#[derive(Debug, Default)]
struct Wanted {
    /// Those whose windows it opened.
    topics: BTreeSet<TopicId>,
    /// How often no node had it.
    tries: u32,
}

/// Why a block could not be read or noted.
enum Setback {
    /// No node has it.
    Gone,
    /// No node that is asked tells what blocks did.
    Untold,
    /// It may go well another time.
    Later,
}

impl Earner {
    /// For the topics of this chain.
    #[must_use]
    pub fn new(
        chain: Arc<Chain>,
        earnings: Arc<dyn EarningsRepository>,
        reporter: Reporter,
        clock: SharedClock,
    ) -> Self {
        Self {
            quiet: Bystander::timed(Arc::clone(&chain), &clock),
            wallet: chain.wallet(),
            chain,
            earnings,
            reporter,
            clock,
            wanted: Mutex::default(),
            newest: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Reads what went by, then each opening that is heard of.
    pub async fn run(&self, heard: Receiver<Arc<Stamped>>) {
        tokio::select! {
            () = self.listen(heard) => {}
            () = self.read() => {}
        }
    }

    async fn listen(&self, mut heard: Receiver<Arc<Stamped>>) {
        self.look_back().await;
        loop {
            match heard.recv().await {
                Ok(told) => {
                    if let Event::WindowOpen { topic, nonce, .. }
                    | Event::WindowMissed { topic, nonce, .. } = &told.event
                    {
                        self.opened(*topic, nonce.height());
                    }
                }
                Err(RecvError::Lagged(_)) => self.look_back().await,
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    /// Wants an opening, and by the topic's epoch those that went by unheard since the one before.
    fn opened(&self, id: TopicId, height: Height) {
        let known = self.chain.topics.iter().find(|it| it.id == id.0);
        let epoch = known.map_or(i64::MAX, |it| it.epoch_length);
        let before = {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            let before = newest.get(&id).copied();
            // A window may be told of more than once: as open, and as missed.
            if before.is_some_and(|before| before >= height) {
                return;
            }
            newest.insert(id, height);
            before
        };
        match before {
            Some(before) => self.want(id, since(before.0, height.0, epoch)),
            None => self.want(id, [height]),
        }
    }

    fn want(&self, topic: TopicId, heights: impl IntoIterator<Item = Height>) {
        let mut wanted = self.held();
        for height in heights {
            wanted.entry(height).or_default().topics.insert(topic);
        }
        drop(wanted);
        self.news.notify_one();
    }

    /// Wants the openings that went by since the newest block that was read.
    async fn look_back(&self) {
        for topic in self.chain.topics.iter().map(|topic| TopicId(topic.id)) {
            let found = loop {
                match self.openings(topic).await {
                    Ok(found) => break found,
                    Err(_) => sleep(self.clock.timer(AGAIN)).await,
                }
            };
            let Some((last, opened)) = found else {
                continue;
            };
            {
                let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
                let known = newest.entry(topic).or_insert(last);
                *known = (*known).max(last);
            }
            self.want(topic, opened);
        }
    }

    /// The newest opening, and those that are to be read: by the topic's epoch, as it is now.
    /// Before the first block is noted nothing of ours can have been settled but in the newest.
    async fn openings(&self, id: TopicId) -> Result<Option<(Height, Vec<Height>)>, Setback> {
        let read = self.noted(self.earnings.read_until(&self.wallet, id));
        let read = read.await?;
        let _turn = self.quiet.turn().await;
        let asked = timeout(BOUND, self.chain.emissions.topic(id)).await;
        let Ok(Ok(topic)) = asked else {
            return Err(Setback::Later);
        };
        let Some(topic) = topic.filter(|it| it.epoch_last_ended > 0) else {
            return Ok(None);
        };
        let last = topic.epoch_last_ended;
        let read = read.map_or(last - 1, |it| it.0);
        Ok(Some((Height(last), since(read, last, topic.epoch_length))))
    }

    async fn read(&self) {
        // What is kept for too long costs a little room alone.
        let _later = timeout(BOUND, self.earnings.forget_earnings(KEPT)).await;
        loop {
            let Some((height, topics)) = self.next() else {
                self.news.notified().await;
                continue;
            };
            match self.settle(height, &topics).await {
                // What is not told now is read when another kind of endpoint is there.
                Ok(()) | Err(Setback::Untold) => self.done(height, &topics),
                Err(Setback::Gone) if self.is_given_up(height) => {
                    // Nobody will ever tell what it held.
                    match self.note(height, &topics, &[], None).await {
                        Ok(()) => self.done(height, &topics),
                        Err(_) => sleep(self.clock.timer(AGAIN)).await,
                    }
                }
                Err(_) => sleep(self.clock.timer(AGAIN)).await,
            }
        }
    }

    /// The oldest block that is to be read.
    fn next(&self) -> Option<(Height, Vec<TopicId>)> {
        let wanted = self.held();
        let (height, of) = wanted.first_key_value()?;
        Some((*height, of.topics.iter().copied().collect()))
    }

    /// Another topic's opening may have been heard of meanwhile.
    fn done(&self, height: Height, topics: &[TopicId]) {
        let mut wanted = self.held();
        if let Some(block) = wanted.get_mut(&height) {
            block.topics.retain(|topic| !topics.contains(topic));
            if block.topics.is_empty() {
                wanted.remove(&height);
            }
        }
    }

    fn is_given_up(&self, height: Height) -> bool {
        let mut wanted = self.held();
        let Some(block) = wanted.get_mut(&height) else {
            return true;
        };
        block.tries += 1;
        let head = *self.chain.rpc.heads().borrow();
        block.tries >= TRIES || height.plus(LATE) < head
    }

    /// Reads a block, notes what it settled, and tells it.
    async fn settle(&self, height: Height, topics: &[TopicId]) -> Result<(), Setback> {
        let address = self.chain.signer.address();
        let turn = self.quiet.turn().await;
        let asked = timeout(BOUND, self.chain.emissions.settled(height, address)).await;
        drop(turn);
        let mut settled = match asked {
            Ok(Ok(settled)) => settled,
            Ok(Err(ChainError::Rpc { .. })) => return Err(Setback::Gone),
            Ok(Err(ChainError::NeedsRpc { .. })) => return Err(Setback::Untold),
            _ => return Err(Setback::Later),
        };
        settled.retain(|it| topics.contains(&it.key.topic));
        let at = if settled.is_empty() {
            None
        } else {
            self.time_of(height).await?
        };
        self.note(height, topics, &settled, at).await?;
        for it in &settled {
            self.tell(height, it);
        }
        Ok(())
    }

    /// The block's time; the present where no node tells.
    async fn time_of(&self, height: Height) -> Result<Option<OffsetDateTime>, Setback> {
        if let Some(heard) = self.quiet.heard_at(height) {
            return Ok(Some(heard));
        }
        let asked = timeout(BOUND, self.quiet.block_time(height)).await;
        match asked {
            Ok(Ok(at)) => Ok(at),
            _ => Err(Setback::Later),
        }
    }

    async fn note(
        &self,
        height: Height,
        topics: &[TopicId],
        settled: &[Settled],
        at: Option<OffsetDateTime>,
    ) -> Result<(), Setback> {
        let at = at.unwrap_or_else(|| self.clock.now());
        let is_scored = |it: &&Settled| it.score.is_some() || it.ema.is_some();
        let scores: Vec<_> = settled
            .iter()
            .filter(is_scored)
            .map(|it| Scored {
                key: it.key,
                at,
                score: it.score,
                ema: it.ema,
            })
            .collect();
        let paid: Vec<_> = settled
            .iter()
            .filter_map(|it| {
                let topic = it.key.topic;
                it.paid.map(|amount| Paid {
                    topic,
                    height,
                    at,
                    amount,
                })
            })
            .collect();
        let noting = self
            .earnings
            .note_block(&self.wallet, height, topics, &scores, &paid);
        self.noted(noting).await
    }

    async fn noted<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Setback> {
        match timeout(BOUND, work).await {
            Ok(Ok(done)) => Ok(done),
            // A disk that refuses is told of by those who need it.
            _ => Err(Setback::Later),
        }
    }

    fn tell(&self, height: Height, it: &Settled) {
        let (topic, nonce) = (it.key.topic, it.key.nonce);
        if it.score.is_some() || it.ema.is_some() {
            let (score, ema) = (it.score, it.ema);
            let scored = GaugeEvent::Scored {
                topic,
                nonce,
                score,
                ema,
            };
            self.reporter.emit(scored.into());
        }
        if let Some(amount) = it.paid {
            let reward = GaugeEvent::Reward {
                topic,
                nonce,
                height,
                amount,
            };
            self.reporter.emit(reward.into());
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Height, Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The openings after `read` up to `last`, the newest; [`MOST`] at most.
fn since(read: i64, last: i64, epoch: i64) -> Vec<Height> {
    let epoch = epoch.max(1);
    let first = read.max(0);
    let mut opened: Vec<_> = (0..MOST)
        .map(|back| last.saturating_sub(epoch.saturating_mul(back)))
        .take_while(|height| *height > first)
        .map(Height)
        .collect();
    opened.reverse();
    opened
}

#[cfg(test)]
#[path = "earnings_tests.rs"]
mod tests;
