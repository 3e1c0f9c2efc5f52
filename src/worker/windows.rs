//! The windows' task: merges what the feed, the poll and the chain's status tell of submission
//! windows, and reports each to the submitter.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Chain, WorkerConfig, catch_up::CatchUp, chain_time::ChainTime, nonces::NonceTracker,
    pace::Pace, parts::Report, standing::Answer,
};
use crate::{
    chain::{ChainError, OpenWindow, feed::FeedEvent, jsonrpc::Status},
    clock::SharedClock,
    failpoint::{reached, stall},
    ops::{Event, GaugeEvent, Reporter, WatchEvent, WindowSource},
    pulse::Pulse,
    types::{Height, TopicId, WindowKey},
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

/// How often it is looked whether the feed is deaf.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Block times without a block after which the feed is taken as deaf, and the least such time.
const DEAF_AFTER_BLOCKS: u32 = 3;
const DEAF_AFTER: Duration = Duration::from_secs(4);
/// Blocks before an opening in which the connections are kept warm.
const WARM_BEFORE: i64 = 2;
/// A pause between blocks after which the chain may have been upgraded.
const HALT: Duration = Duration::from_secs(20);

/// The task's state.
pub(super) struct Windows {
    pub(super) chain: Arc<Chain>,
    pub(super) reporter: Reporter,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) tracker: NonceTracker,
    pub(super) config: WorkerConfig,
    pub(super) height: Height,
    /// When the worker was started; taken when it is ready.
    pub(super) started: Option<Instant>,
    pub(super) connected: bool,
    /// When the newest block was heard of, and how long the one before it took.
    heard: (Instant, Duration),
    pub(super) asked: JoinSet<(TopicId, Result<Answer, ChainError>)>,
    /// Topics about which a question is out.
    pub(super) asking: BTreeSet<TopicId>,
    /// Topics to ask about again at the next block or look.
    pub(super) again: BTreeSet<TopicId>,
    /// Topics about which the last question failed; it is told once.
    pub(super) failing: BTreeSet<TopicId>,
    looks: JoinSet<Result<Status, ChainError>>,
    pub(super) catch_up: CatchUp,
    /// The first block that was heard of on the connection, if it holds.
    pub(super) heard_from: Option<Height>,
    /// What is done beside: endpoints are asked how they fare, the version is looked at again.
    chores: JoinSet<()>,
    life: Pulse,
    clock: Option<SharedClock>,
    chain_time: ChainTime,
    pace: Pace,
}

impl Windows {
    pub(super) fn new(
        chain: Arc<Chain>,
        reporter: Reporter,
        reports: mpsc::Sender<Report>,
        tracker: NonceTracker,
        config: WorkerConfig,
        height: Height,
        started: Instant,
    ) -> Self {
        Self {
            chain,
            reporter,
            reports,
            tracker,
            config,
            height,
            started: Some(started),
            connected: false,
            heard: (Instant::now(), Duration::ZERO),
            asked: JoinSet::new(),
            asking: BTreeSet::new(),
            again: BTreeSet::new(),
            failing: BTreeSet::new(),
            looks: JoinSet::new(),
            catch_up: CatchUp::new(0, None),
            heard_from: None,
            chores: JoinSet::new(),
            life: Pulse::unwatched(),
            clock: None,
            chain_time: ChainTime::default(),
            pace: Pace::default(),
        }
    }

    /// Gives signs of life there, looks anew when the clock jumps, and compares it with the chain's.
    pub(super) fn watched(mut self, life: Pulse, clock: SharedClock) -> Self {
        self.life = life;
        self.clock = Some(clock);
        self
    }

    pub(super) async fn run(
        mut self,
        mut feed: mpsc::Receiver<FeedEvent>,
        mut told: mpsc::Receiver<Told>,
        cancel: CancellationToken,
    ) {
        let every = self.config.poll_interval;
        let mut poll = interval_at(Instant::now() + every, every);
        let mut look = interval(LOOK_EVERY);
        for ticks in [&mut poll, &mut look] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut jumps = self.clock.as_ref().map(|it| it.jumps()).unwrap_or_default();
        self.ask_all();
        loop {
            self.life.beat();
            if reached("end-windows") {
                return;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                event = feed.recv() => match event {
                    Some(event) => self.hear(event).await,
                    None => return,
                },
                Some(told) = told.recv() => self.heed(told),
                Some(asked) = self.asked.join_next() => match asked {
                    Ok((topic, answer)) => self.learn(topic, answer).await,
                    // A question that panicked: which one is not told.
                    Err(_) => self.asking.clear(),
                },
                Some(Ok(status)) = self.looks.join_next() => self.see(status).await,
                Some(read) = self.catch_up.next() => self.catch_up_on(read).await,
                Some(_) = self.chores.join_next() => {}
                () = jumps.next() => self.wake(),
                _ = poll.tick() => self.ask_all(),
                _ = look.tick() => self.look(),
            }
        }
    }

    async fn hear(&mut self, event: FeedEvent) {
        match event {
            FeedEvent::Connected { endpoint } => {
                self.connected = true;
                self.heard_from = None;
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
            FeedEvent::Block { height, time } => {
                self.chain.times.note(height, time);
                self.compare(time);
                self.heard_from.get_or_insert(height);
                self.block(height).await;
                self.catch_up.hear(height);
                self.catch_up.retry();
                self.catch_up.proceed(&self.chain);
            }
            FeedEvent::Opened { mut windows, seen } => {
                windows.retain(|&window| self.tracker.opened(window));
                self.due(windows, seen, WindowSource::Event).await;
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
        stall("windows").await;
        self.height = height;
        let pause = self.heard.0.elapsed();
        if pause > HALT.max(self.heard.1 * DEAF_AFTER_BLOCKS) {
            self.redetect();
        }
        self.heard = (Instant::now(), pause);
        self.pace.hear(height, self.heard.0);
        let block_ms = self.pace.block_time().as_secs_f64() * 1e3;
        self.tell(GaugeEvent::Head { height, block_ms }.into());
        self.chain.rpc.saw(height);
        self.tracker.advance(height);
        if self.tracker.opens_within(height, WARM_BEFORE) {
            let chain = Arc::clone(&self.chain);
            self.chores.spawn(async move { chain.rpc.warm().await });
        }
        for topic in self.tracker.overdue(height) {
            self.ask(topic);
        }
        self.ask_again();
        self.report(Report::Block(height)).await;
    }

    /// The host was away, or its clock was set: nothing that was known of the chain need hold.
    fn wake(&mut self) {
        self.ask_all();
        self.look_at_height();
    }

    /// Tells when this host's clock is far from the chain's.
    fn compare(&mut self, block: OffsetDateTime) {
        let Some(clock) = &self.clock else { return };
        // A clock that runs fast is as far off as it is in the seconds that pass here.
        let lead = clock.now() - block;
        let apart = clock.timer(lead.unsigned_abs()).as_secs_f64();
        let lead = if lead.is_negative() { -apart } else { apart };
        if let Some(seconds) = self.chain_time.hear(lead, Instant::now()) {
            self.tell(WatchEvent::ClockOff { seconds }.into());
        }
    }

    /// When the feed is lost or says nothing, the height comes from a node's status.
    fn look(&mut self) {
        self.ask_again();
        self.tend();
        let (at, block_time) = self.heard;
        let deaf = at.elapsed() > DEAF_AFTER.max(block_time * DEAF_AFTER_BLOCKS);
        if deaf || !self.connected {
            self.look_at_height();
        }
    }

    fn look_at_height(&mut self) {
        if self.looks.is_empty() {
            let chain = Arc::clone(&self.chain);
            self.looks.spawn(async move { chain.rpc.status().await });
        }
    }

    async fn see(&mut self, status: Result<Status, ChainError>) {
        match status {
            Ok(status) if status.node_info.network == self.chain.network.chain_id => {
                let height = Height(status.sync_info.latest_block_height);
                if height <= self.height && self.heard.0.elapsed() > self.config.poll_interval {
                    // It may have stopped rather than the chain.
                    self.chain.rpc.prefer_next();
                }
                self.block(height).await;
            }
            Ok(_) => self.chain.rpc.prefer_next(),
            // Each request that matters tells of its own failure.
            Err(_) => {}
        }
    }

    /// Tells what is wrong with endpoints, and asks those how they fare that nobody asks.
    fn tend(&mut self) {
        for news in self.chain.node_news() {
            self.tell(news);
        }
        if self.reporter.is_heard() {
            self.tell(self.chain.node_readings().into());
        }
        if self.chores.is_empty() {
            let chain = Arc::clone(&self.chain);
            self.chores.spawn(async move { chain.rpc.probe().await });
        }
    }

    /// Looks in the background whether the chain speaks another version by now. If it does, the feed
    /// subscribes anew.
    pub(super) fn redetect(&mut self) {
        let chain = Arc::clone(&self.chain);
        self.chores.spawn(async move {
            // A query that matters looks again by itself.
            let _version = chain.emissions.redetect().await;
        });
    }

    fn ask_again(&mut self) {
        for topic in std::mem::take(&mut self.again) {
            self.ask(topic);
        }
    }

    /// Reports windows that were not known. Without a standing in the topic no answer makes sense, and
    /// the standing may be out of date; until the chain was asked, the benefit of the doubt holds.
    pub(super) async fn due(
        &mut self,
        opened: Vec<OpenWindow>,
        seen: Instant,
        source: WindowSource,
    ) {
        let mut windows = opened.clone();
        windows.retain(|window| self.tracker.obstacle(window.key.topic).is_none());
        if !windows.is_empty() {
            self.report(Report::Opened { windows, seen }).await;
        }
        for OpenWindow { key, end } in opened {
            let WindowKey { topic, nonce } = key;
            if self.tracker.obstacle(topic).is_some() {
                self.ask(topic);
            }
            self.tell(Event::WindowOpen {
                topic,
                nonce,
                window_end: end,
                source,
            });
        }
    }

    pub(super) async fn report(&self, report: Report) {
        // Fails only when the submitter has ended, and then all ends.
        let _ = self.reports.send(report).await;
    }

    pub(super) fn tell(&self, event: Event) {
        self.reporter.emit(event);
    }
}
