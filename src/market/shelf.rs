//! Where a ticker's candles stand: the book, the store behind it, and those who look at it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::sync::watch;

use super::{
    Health, MarketConfig, Notice, Notices, Unusable,
    book::{Book, Held},
    gaps,
    health::Trouble,
    notice::tell,
    tiingo::seconds,
};
use crate::{
    clock::{SharedClock, nap},
    forecast::{Candle, HOUR, History},
    store::{CandleRepository, Origin, Series, SetAside, StoreError, StoredCandle},
};

/// Start of an hour, a source, and its close.
type Witness = (i64, Origin, f64);

/// One ticker's candles, shown and kept.
pub(super) struct Shelf {
    pub series: Series,
    pub book: Book,
    pub store: Arc<dyn CandleRepository>,
    pub history: watch::Sender<History>,
    pub health: watch::Sender<Health>,
    clock: SharedClock,
    notices: Notices,
    settle: i64,
    /// Candles that came since the last notice.
    added: usize,
    /// Rows that can't be used and are known as such: an answer repeats them.
    faults: BTreeSet<(Option<i64>, Origin)>,
    /// Whether it was told that the store fails.
    store_fails: bool,
}

impl Shelf {
    pub(super) fn new(
        ticker: &str,
        config: &MarketConfig,
        store: Arc<dyn CandleRepository>,
        clock: SharedClock,
        notices: Notices,
    ) -> Self {
        let book = Book::new(ticker, seconds(config.history), config.max_jump);
        Self {
            series: Series::hourly(ticker),
            history: watch::Sender::new(book.history()),
            health: watch::Sender::new(Health::default()),
            book,
            store,
            clock,
            notices,
            settle: seconds(config.settle),
            added: 0,
            faults: BTreeSet::new(),
            store_fails: false,
        }
    }

    /// Unix seconds at or before which candles that ended are complete.
    pub(super) fn settled_now(&self) -> i64 {
        self.clock.now().unix_timestamp() - self.settle
    }

    /// Sleeps, and no longer than until the clock jumps.
    pub(super) async fn nap(&self, time: Duration) {
        nap(&*self.clock, time).await;
    }

    pub(super) fn tell(&self, notice: Notice) {
        tell(&self.notices, notice);
    }

    /// Takes what the store has and the book has not: all of it at the start; later on, what an import
    /// or another process has written.
    pub(super) async fn recall(&mut self) {
        let now = self.settled_now();
        let since = self.book.since(now);
        match self.stored(since).await {
            Ok((mut candles, witnesses)) => {
                self.store_fails = false;
                for (hour, origin, close) in witnesses {
                    self.book.witness(hour, origin, close);
                }
                candles.retain(|it| it.candle.end() <= now);
                let first = self.book.is_empty();
                let news = self.book.insert(candles, now);
                if news.is_empty() {
                    return;
                }
                self.judge().await;
                self.show();
                self.added += if first { 0 } else { news.len() };
                self.tell_updated();
            }
            Err(cause) => self.tell_not_kept(&cause),
        }
    }

    /// The candles that count, and the closes of the other sources where two have the same hour.
    async fn stored(&self, since: i64) -> Result<(Vec<StoredCandle>, Vec<Witness>), StoreError> {
        let candles = self.store.candles(&self.series, since..i64::MAX).await?;
        let mut witnesses = Vec::new();
        for (place, other) in Origin::ALL.into_iter().enumerate() {
            for stronger in Origin::ALL.into_iter().skip(place + 1) {
                let pairs = self.store.pairs(&self.series, [stronger, other], since);
                let pairs = pairs.await?;
                witnesses.extend(pairs.iter().map(|pair| (pair.start, other, pair.second)));
            }
        }
        Ok((candles, witnesses))
    }

    /// Takes in that another source has seen the jump of an hour, and keeps its candle: after a restart
    /// it is what tells the jump from a wrong price.
    pub(super) async fn vouch(&mut self, seen: Candle, origin: Origin) {
        self.book.witness(seen.start, origin, seen.close);
        let kept = self.store.keep(&self.series, origin, &[seen]).await;
        self.note_kept(kept);
        self.take_in(&[], origin).await;
    }

    /// Takes in a source's candles, of which those that have ended are complete: judges them, keeps
    /// them and shows them.
    pub(super) async fn take_in(&mut self, candles: &[Candle], origin: Origin) {
        let now = self.settled_now();
        let complete = candles.iter().filter(|candle| candle.end() <= now);
        let complete = complete.map(|candle| StoredCandle {
            candle: *candle,
            origin,
        });
        let held = self.book.held();
        let mut news = self.book.insert(complete, now);
        let changed = self.judge().await || !news.is_empty();
        // What is no longer in doubt is news now.
        news.extend(held.map(|held| held.it));
        news.retain(|it| self.book.counts(it));
        news.dedup();
        self.added += news.len();
        for origin in Origin::ALL {
            let of_it = news.iter().filter(|it| it.origin == origin);
            let of_it: Vec<Candle> = of_it.map(|it| it.candle).collect();
            if !of_it.is_empty() {
                let kept = self.store.keep(&self.series, origin, &of_it).await;
                self.note_kept(kept);
            }
        }
        self.tell_doubt(held);
        if changed || !news.is_empty() {
            self.show();
        }
    }

    /// Judges the book's jumps; says whether any candle was taken out.
    async fn judge(&mut self) -> bool {
        let aside = self.book.judge();
        let any = !aside.is_empty();
        self.set_aside(aside).await;
        any
    }

    /// Takes a candle out because another source contradicts it.
    pub(super) async fn refuse(&mut self, it: StoredCandle, reason: String) {
        self.book.refuse(it);
        self.set_aside(vec![(it, reason)]).await;
    }

    async fn set_aside(&mut self, candles: Vec<(StoredCandle, String)>) {
        let rows = candles.into_iter().map(|(it, reason)| SetAside {
            start: it.candle.start,
            source: it.origin,
            at: self.clock.now().unix_timestamp(),
            reason,
        });
        self.keep_aside(rows.collect()).await;
    }

    /// Keeps and tells rows that can't be used, unless they are known as such, or a good one is known
    /// of the same hour.
    pub(super) async fn note_unusable(&mut self, rows: Vec<Unusable>, origin: Origin) {
        let book = &self.book;
        let news = rows
            .into_iter()
            .filter(|row| row.start.is_none_or(|start| book.lacks(origin, start)))
            .filter(|row| self.faults.insert((row.start, origin)));
        let at = self.clock.now().unix_timestamp();
        let (dated, undated): (Vec<_>, Vec<_>) = news.partition(|row| row.start.is_some());
        if let Some(first) = undated.first() {
            self.tell_set_aside(undated.len(), first.reason.clone());
        }
        let rows = dated.into_iter().filter_map(|row| {
            Some(SetAside {
                start: row.start?,
                source: origin,
                at,
                reason: row.reason,
            })
        });
        self.keep_aside(rows.collect()).await;
    }

    async fn keep_aside(&mut self, rows: Vec<SetAside>) {
        let Some(first) = rows.first() else { return };
        let start = moment(first.start).map_or_else(String::new, |at| format!("{at}: "));
        self.tell_set_aside(
            rows.len(),
            format!("{start}{} ({})", first.reason, first.source),
        );
        let kept = self.store.set_aside(&self.series, &rows).await;
        self.note_kept(kept);
    }

    fn note_kept(&mut self, kept: Result<(), StoreError>) {
        match kept {
            Ok(()) => self.store_fails = false,
            Err(cause) => self.tell_not_kept(&cause),
        }
    }

    fn tell_not_kept(&mut self, cause: &StoreError) {
        if !std::mem::replace(&mut self.store_fails, true) {
            self.tell(Notice::NotKept {
                ticker: self.series.ticker.clone(),
                cause: cause.to_string(),
            });
        }
    }

    fn tell_set_aside(&self, count: usize, example: String) {
        self.tell(Notice::SetAside {
            ticker: self.series.ticker.clone(),
            count,
            example,
        });
    }

    fn tell_doubt(&self, before: Option<Held>) {
        if let Some(held) = self.book.held().filter(|held| before != Some(*held)) {
            self.tell(Notice::InDoubt {
                ticker: self.series.ticker.clone(),
                start: moment(held.it.candle.start),
                close: held.it.candle.close,
                before: held.before,
            });
        }
    }

    /// Tells how much is known, if anything came since it was told.
    pub(super) fn tell_news(&mut self) {
        if self.added > 0 {
            self.tell_updated();
        }
    }

    fn tell_updated(&mut self) {
        let (closes, until) = {
            let history = self.history.borrow();
            (history.closes(), history.until())
        };
        let added = std::mem::take(&mut self.added);
        self.tell(Notice::Updated {
            ticker: self.series.ticker.clone(),
            closes,
            added,
            until,
        });
    }

    fn show(&self) {
        self.history.send_replace(self.book.history());
    }

    /// Shows what is known so far, while more is being fetched.
    pub(super) fn show_progress(&self) {
        let (standing_in, trouble) = {
            let shown = self.health.borrow();
            (shown.standing_in, shown.trouble.clone())
        };
        self.show_health(standing_in, trouble, false);
    }

    /// Shows how the prices are.
    pub(super) fn show_health(&self, standing_in: bool, trouble: Option<Trouble>, caught_up: bool) {
        let now = self.settled_now();
        let gaps = self.book.gaps(now);
        let newest = self.book.newest();
        let history = self.history.borrow().clone();
        self.health.send_replace(Health {
            closes: history.closes(),
            until: newest.map(|it| it.candle.end()),
            source: newest.map(|it| it.origin),
            standing_in,
            missing: gaps::missing(&gaps, HOUR),
            in_doubt: self.book.held().map(|held| held.it.candle.start),
            trouble,
            caught_up,
        });
    }
}

pub(super) fn moment(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
