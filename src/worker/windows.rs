//! The windows' task: merges what the feed, the poll and the chain's status tell of submission
//! windows, and reports each to the submitter.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Chain,
    nonces::{NonceTracker, Obstacle},
    submitter::Report,
};
use crate::{
    chain::{ChainError, OpenWindow, WindowStatus, feed::FeedEvent},
    ops::{Event, Reporter, WindowSource},
    types::{Height, Nonce, TopicId, WindowKey},
};

/// What the submitter tells back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    /// A submission is in a mempool: the chain is asked once more about its topic.
    Sent(WindowKey),
    /// The chain holds our answer.
    Answered(WindowKey),
    /// The wallet is registered in a topic.
    Registered(TopicId),
}

/// How often the height is asked for while no WebSocket tells it.
const BLIND_POLL: Duration = Duration::from_secs(2);

/// The task's state.
pub(super) struct Windows {
    pub(super) chain: Arc<Chain>,
    pub(super) reporter: Reporter,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) tracker: NonceTracker,
    pub(super) poll: Duration,
    pub(super) register: bool,
    pub(super) height: Height,
    /// When the worker was started; taken when it is ready.
    pub(super) started: Option<Instant>,
    pub(super) connected: bool,
    pub(super) asked: JoinSet<(TopicId, Result<Answer, ChainError>)>,
    pub(super) asking: BTreeSet<TopicId>,
}

/// What the chain says of a topic.
#[derive(Debug)]
pub(super) struct Answer {
    status: WindowStatus,
    /// The nonces that it still takes submissions for.
    open: Vec<Nonce>,
}

impl Windows {
    pub(super) async fn run(
        mut self,
        mut feed: mpsc::Receiver<FeedEvent>,
        mut told: mpsc::Receiver<Told>,
        cancel: CancellationToken,
    ) {
        let mut poll = interval_at(Instant::now() + self.poll, self.poll);
        let mut blind = interval(BLIND_POLL);
        for ticks in [&mut poll, &mut blind] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        self.ask_all();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                event = feed.recv() => match event {
                    Some(event) => self.hear(event).await,
                    None => return,
                },
                Some(told) = told.recv() => self.heed(told),
                Some(Ok((topic, answer))) = self.asked.join_next() => self.learn(topic, answer).await,
                _ = poll.tick() => self.ask_all(),
                _ = blind.tick(), if !self.connected => self.look().await,
            }
        }
    }

    async fn hear(&mut self, event: FeedEvent) {
        match event {
            FeedEvent::Connected { endpoint } => {
                self.connected = true;
                self.tell(Event::WebsocketConnected { endpoint });
                self.ask_all();
            }
            FeedEvent::Lost {
                endpoint,
                cause,
                retry_in,
            } => {
                self.connected = false;
                let retry_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                self.tell(Event::WebsocketLost {
                    endpoint,
                    cause,
                    retry_ms,
                });
            }
            FeedEvent::Block { height, .. } => self.block(height).await,
            FeedEvent::Window { window, seen } => {
                if self.tracker.opened(window) {
                    self.due(window, seen, WindowSource::Event).await;
                }
            }
            FeedEvent::Included {
                hash,
                height,
                result,
            } => {
                self.report(Report::Included {
                    hash,
                    height,
                    result,
                })
                .await;
            }
        }
    }

    fn heed(&mut self, told: Told) {
        match told {
            Told::Sent(key) => self.ask(key.topic),
            Told::Answered(key) => self.tracker.answered(key),
            Told::Registered(topic) => self.ask(topic),
        }
    }

    async fn block(&mut self, height: Height) {
        if height <= self.height {
            return;
        }
        self.height = height;
        self.tracker.advance(height);
        for topic in self.tracker.overdue(height) {
            self.ask(topic);
        }
        self.report(Report::Block(height)).await;
    }

    /// Without the feed the height comes from a node's status.
    async fn look(&mut self) {
        if let Ok(status) = self.chain.rpc.status().await {
            self.block(Height(status.sync_info.latest_block_height))
                .await;
        }
    }

    fn ask_all(&mut self) {
        let topics: Vec<_> = self.tracker.topics().collect();
        for topic in topics {
            self.ask(topic);
        }
    }

    fn ask(&mut self, topic: TopicId) {
        if self.asking.insert(topic) {
            let chain = Arc::clone(&self.chain);
            self.asked
                .spawn(async move { (topic, confirm(&chain, topic).await) });
        }
    }

    async fn learn(&mut self, topic: TopicId, answer: Result<Answer, ChainError>) {
        self.asking.remove(&topic);
        let Answer { status, open } = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let remedy = "asking again at the next poll".into();
                self.tell(Event::TopicUnavailable {
                    topic,
                    cause: error.to_string(),
                    remedy,
                });
                return;
            }
        };
        let confirmed = status
            .open
            .is_some_and(|window| open.contains(&window.key.nonce));
        let (window, changed) = self.tracker.told(topic, &status, confirmed, self.height);
        match self.tracker.obstacle(topic) {
            // Windows that opened while something stood in the way can be answered now.
            None if changed => {
                for window in self.tracker.open_windows(topic) {
                    self.due(window, Instant::now(), WindowSource::Poll).await;
                }
            }
            // At every poll: an earlier attempt may have failed.
            Some(Obstacle::Unregistered) if self.register => {
                self.report(Report::Register(topic)).await;
            }
            Some(obstacle) if changed => self.explain(topic, obstacle),
            _ => {}
        }
        if let Some(window) = window {
            self.due(window, Instant::now(), WindowSource::Poll).await;
        }
        self.perhaps_ready();
    }

    /// Reports a window that was not known. Without a standing in the topic no answer makes sense;
    /// until the chain was asked, the benefit of the doubt holds.
    async fn due(&self, window: OpenWindow, seen: Instant, source: WindowSource) {
        let OpenWindow { key, end } = window;
        let WindowKey { topic, nonce } = key;
        if self.tracker.obstacle(topic).is_none() {
            self.report(Report::Due {
                key,
                end,
                seen,
                source,
            })
            .await;
        } else {
            self.tell(Event::WindowOpen {
                topic,
                nonce,
                window_end: end,
                source,
            });
        }
    }

    fn explain(&self, topic: TopicId, obstacle: Obstacle) {
        let (cause, remedy) = match obstacle {
            Obstacle::Unregistered => (
                "the wallet is not registered in the topic",
                "start without --no-register, or register the wallet by hand",
            ),
            Obstacle::NotWhitelisted => (
                "the wallet is not on the topic's whitelist",
                "ask the topic's creator to add its address; the worker looks again at each poll",
            ),
            Obstacle::Inactive => (
                "the topic does not exist or is not active: it opens no windows",
                "check the number, or wait until it is funded; the worker looks again at each poll",
            ),
        };
        self.tell(Event::TopicUnavailable {
            topic,
            cause: cause.into(),
            remedy: remedy.into(),
        });
    }

    /// Ready means subscribed, and every topic's standing known.
    fn perhaps_ready(&mut self) {
        if !self.connected || !self.tracker.knows_all() {
            return;
        }
        let registering = |topic| self.tracker.obstacle(topic) == Some(Obstacle::Unregistered);
        if self.register && self.tracker.topics().any(registering) {
            return;
        }
        if let Some(started) = self.started.take() {
            let topics = self.tracker.topics().collect();
            let start_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.tell(Event::Ready { topics, start_ms });
        }
    }

    async fn report(&self, report: Report) {
        // Fails only when the submitter has ended, and then all ends.
        let _ = self.reports.send(report).await;
    }

    fn tell(&self, event: Event) {
        self.reporter.emit(event);
    }
}

/// Asks the chain about a topic; the nonce of an open window has to be among the unfulfilled ones.
async fn confirm(chain: &Chain, topic: TopicId) -> Result<Answer, ChainError> {
    let address = chain.signer.address();
    let status = chain.emissions.window_status(topic, address).await?;
    let open = chain.emissions.unfulfilled_nonces(topic).await?;
    Ok(Answer { status, open })
}
