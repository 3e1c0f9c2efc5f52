//! The newest board, read only while somebody looks, and rendered once for all who see the same.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use crate::{
    page::{
        Board,
        view::{self, Choice, Section},
    },
    types::{Height, TopicId},
};

/// From the first word of a change to the next reading: what comes with it is read with it, and a window
/// is answered before anybody looks.
const PAUSE: Duration = Duration::from_millis(700);
/// Reading takes one part in so many of the time at most.
const SHARE: u32 = 20;
/// How often open pages are brought up to date though nothing was told: ages grow.
const REFRESH: Duration = Duration::from_secs(10);
/// A board younger than this is shown as it is; older, it is read anew first.
const FRESH: Duration = Duration::from_secs(2);
/// How long a page waits for that; then it shows the older one.
const PATIENCE: Duration = Duration::from_secs(3);
/// Choices of which the rendered sections are kept.
const CHOICES: usize = 16;
/// Pages that are kept up to date at once.
const FOLLOWERS: usize = 48;

/// Where boards come from.
#[async_trait]
pub trait Boards: Send {
    /// How things stand now.
    async fn board(&mut self) -> Board;
}

/// Tells the chain's newest block and the topic's next window, at no cost.
pub type Clocks = Arc<dyn Fn(Option<TopicId>) -> Option<ClockNow> + Send + Sync>;

/// What a countdown needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClockNow {
    /// Now, by the worker's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// The chain's newest block.
    pub height: Height,
    /// The block that opens the next window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<Height>,
    /// When that is expected.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expected: Option<OffsetDateTime>,
    /// The usual time between two blocks, in milliseconds.
    pub block_ms: Option<f64>,
}

impl ClockNow {
    /// Whether it tells the same as an earlier one, whatever the time is.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.height, it.opens);
        of(self) == of(other)
    }
}

/// A section's element as it is now.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    pub(super) section: Section,
    pub(super) html: Arc<str>,
}

/// A board, and what was rendered of it.
pub(super) struct Snapshot {
    /// Grows with each; greater than those of an earlier process.
    pub(super) generation: u64,
    pub(super) board: Board,
    made: Instant,
    sheets: Mutex<Vec<(Choice, Arc<[Sheet]>)>>,
}

impl Snapshot {
    /// The sections for a choice. One that can't be rendered is left as it was.
    pub(super) fn sheets(&self, choice: &Choice) -> Arc<[Sheet]> {
        let mut known = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sheets)) = known.iter().find(|(it, _)| it == choice) {
            return Arc::clone(sheets);
        }
        let sheet = |section: &Section| {
            let html = view::section(*section, &self.board, choice).ok()?;
            Some(Sheet {
                section: *section,
                html: html.into(),
            })
        };
        let sheets: Arc<[Sheet]> = Section::ALL.iter().filter_map(sheet).collect();
        if known.len() < CHOICES {
            known.push((choice.clone(), Arc::clone(&sheets)));
        }
        sheets
    }
}

/// Keeps the newest board for all who look. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    newest: watch::Sender<Option<Arc<Snapshot>>>,
    followers: watch::Sender<usize>,
    wanted: Notify,
    changed: Notify,
    next: AtomicU64,
    first: u64,
    clocks: Clocks,
}

impl fmt::Debug for Hub {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    /// For a process that began at `now`.
    #[must_use]
    pub fn new(clocks: Clocks, now: OffsetDateTime) -> Self {
        let first = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(1);
        Self(Arc::new(Inner {
            newest: watch::Sender::new(None),
            followers: watch::Sender::new(0),
            wanted: Notify::new(),
            changed: Notify::new(),
            next: AtomicU64::new(first),
            first,
            clocks,
        }))
    }

    /// Something was told: open pages are brought up to date soon.
    pub fn change(&self) {
        self.0.changed.notify_one();
    }

    /// Reads boards as they are wanted, for ever.
    pub async fn keep(self, mut boards: impl Boards) {
        let mut took = Duration::ZERO;
        loop {
            tokio::select! {
                () = self.0.wanted.notified() => {}
                () = self.due(took) => {}
            }
            let began = Instant::now();
            let board = boards.board().await;
            took = began.elapsed();
            let snapshot = Snapshot {
                generation: self.0.next.fetch_add(1, Ordering::Relaxed),
                board,
                made: Instant::now(),
                sheets: Mutex::default(),
            };
            self.0.newest.send_replace(Some(Arc::new(snapshot)));
        }
    }

    /// When open pages are behind.
    async fn due(&self, took: Duration) {
        let mut followers = self.0.followers.subscribe();
        if followers.wait_for(|count| *count > 0).await.is_err() {
            return std::future::pending().await;
        }
        tokio::select! {
            () = self.0.changed.notified() => sleep(PAUSE.max(took * SHARE)).await,
            () = sleep(REFRESH) => {}
        }
    }

    /// How things stand, not older than some seconds if it can be read so soon; none before the first.
    pub(super) async fn fresh(&self) -> Option<Arc<Snapshot>> {
        let mut newest = self.0.newest.subscribe();
        let known = newest.borrow_and_update().clone();
        if let Some(known) = known.filter(|it| it.made.elapsed() < FRESH) {
            return Some(known);
        }
        self.0.wanted.notify_one();
        // Late, the older one is better than none.
        let _late = timeout(PATIENCE, newest.changed()).await;
        newest.borrow().clone()
    }

    /// Follows what comes; none when too many do already.
    pub(super) fn follow(&self) -> Option<(Seat, watch::Receiver<Option<Arc<Snapshot>>>)> {
        let took = self.0.followers.send_if_modified(|count| {
            let has_room = *count < FOLLOWERS;
            *count += usize::from(has_room);
            has_room
        });
        let newest = self.0.newest.subscribe();
        took.then(|| (Seat(self.clone()), newest))
    }

    /// Whether a page was handed out by an earlier process.
    pub(super) fn is_older(&self, generation: u64) -> bool {
        generation < self.0.first
    }

    /// What a countdown needs.
    pub(super) fn clock(&self, topic: Option<TopicId>) -> Option<ClockNow> {
        (self.0.clocks)(topic)
    }
}

/// Counts one who follows, while it is held.
#[derive(Debug)]
pub(super) struct Seat(Hub);

impl Drop for Seat {
    fn drop(&mut self) {
        let followers = &self.0.0.followers;
        followers.send_modify(|count| *count = count.saturating_sub(1));
    }
}
