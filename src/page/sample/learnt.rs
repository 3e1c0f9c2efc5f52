//! What became of forecasts, what others answered, and what it all earned.

use std::{ops::Range, time::Duration as Span};

use time::Duration;

use super::{BLOCKS, EPOCH, Fate, HORIZON, SampleError, Season, TOPIC, chance};
use crate::{
    chain::Uallo,
    forecast::{ForecastConfig, Source, Target, TopicSpec},
    learning,
    store::{
        EarningsRepository as _, Noted, OpenedBy, OutcomeRepository as _, Paid, Peers, Resolution,
        Scored, Store,
    },
    types::{Height, Nonce},
};

/// Rows of one transaction.
const AT_ONCE: usize = 500;
/// Inferers beside us.
const OTHERS: u64 = 17;
/// Windows from one payment to the next.
const PAYMENT: usize = 24;

impl Season {
    pub(super) async fn write_outcomes(
        &self,
        store: &Store,
        windows: Range<usize>,
    ) -> Result<(), SampleError> {
        let answered: Vec<usize> = windows.clone().filter(|it| self.is_answered(*it)).collect();
        let noted: Vec<Noted> = answered.iter().map(|it| self.noted(*it)).collect();
        for some in noted.chunks(AT_ONCE) {
            store.note(&self.wallet, some).await?;
        }
        for (window, noted) in answered.iter().zip(&noted) {
            let peers = self.peers(*window);
            store.keep_peers(&self.wallet, noted, Some(&peers)).await?;
        }
        // Those whose horizon passed with these windows.
        let passed = windows.start.saturating_sub(HORIZON)..windows.end.saturating_sub(HORIZON);
        let passed: Vec<_> = passed
            .filter(|it| self.is_answered(*it))
            .map(|it| (Self::key(it).nonce, Some(self.resolution(it))))
            .collect();
        for some in passed.chunks(AT_ONCE) {
            let at = self.until;
            store.resolve(&self.wallet, TOPIC, at, some).await?;
        }
        let most = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        loop {
            let unranked = store.unranked(&self.wallet, TOPIC, most).await?;
            let ranked: Vec<_> = unranked
                .iter()
                .map(|(record, peers)| (record.nonce, learning::rank(&record.resolution, peers)))
                .collect();
            if ranked.is_empty() {
                return Ok(());
            }
            store.rank(&self.wallet, TOPIC, &ranked).await?;
        }
    }

    pub(super) async fn write_standing(&self, store: &Store) -> Result<(), SampleError> {
        let since = self.opened(0) - Duration::DAY;
        let records = store
            .resolved(&self.wallet, TOPIC, since, Nonce(0), u32::MAX)
            .await?;
        let topic = TopicSpec {
            topic: TOPIC,
            ticker: "btcusd".into(),
            horizon: Span::from_hours(HORIZON as u64),
            target: Target::LogReturn,
        };
        let config = ForecastConfig::default();
        let standing = learning::standing(&records, &config, &topic, self.until);
        store.save_standing(&self.wallet, TOPIC, &standing).await?;
        Ok(())
    }

    pub(super) async fn write_earnings(
        &self,
        store: &Store,
        windows: Range<usize>,
    ) -> Result<(), SampleError> {
        let counted = windows
            .clone()
            .filter(|it| self.fate(*it) == Fate::Counted)
            .map(|it| Scored {
                key: Self::key(it),
                at: self.opened(it) + Duration::minutes(10),
                score: Some(self.score(it)),
                ema: Some(self.ema(it)),
            });
        let counted: Vec<_> = counted.collect();
        for some in counted.chunks(AT_ONCE) {
            store.note_scores(&self.wallet, some).await?;
        }
        for window in windows.filter(|it| it % PAYMENT == PAYMENT - 1) {
            let height = Height(Self::key(window).nonce.0 + EPOCH / 2);
            let paid = Paid {
                topic: TOPIC,
                height,
                at: self.at(height.0),
                amount: reward(window),
            };
            store
                .note_block(&self.wallet, height, &[TOPIC], &[], &[paid])
                .await?;
        }
        Ok(())
    }

    fn noted(&self, window: usize) -> Noted {
        let key = Self::key(window);
        Noted {
            key,
            window_end: key.nonce.height().plus(BLOCKS),
            value: self.value(window),
            source: Some(Source::Gated),
            opened: self.opened(window),
            clock: OpenedBy::Header,
            is_asked: false,
        }
    }

    fn resolution(&self, window: usize) -> Resolution {
        let (outcome, value) = (self.outcome(window), self.value(window));
        Resolution {
            base: self.closes[window],
            close: self.closes[window + HORIZON],
            outcome,
            loss: (value - outcome).powi(2),
            zero_loss: outcome * outcome,
        }
    }

    /// Others know more or less than we do, each its own share.
    pub(super) fn peers(&self, window: usize) -> Peers {
        let value = |other: u64| {
            let skill = 0.12 * chance(usize::try_from(other).unwrap_or_default(), 5) - 0.02;
            skill * self.outcome(window) + 0.03 * (chance(window, 100 + other) - 0.5)
        };
        let inferers = (0..OTHERS).map(|it| (format!("allo1{it:038}"), value(it)));
        let inferers: std::collections::BTreeMap<_, _> = inferers.collect();
        let mean = inferers.values().sum::<f64>() / inferers.len().max(1) as f64;
        Peers {
            combined: Some(0.9 * mean),
            inferers,
        }
    }

    pub(super) fn score(&self, window: usize) -> f64 {
        let resolution = self.resolution(window);
        (resolution.zero_loss - resolution.loss) * 100.0 + 0.02 * (chance(window, 6) - 0.5)
    }

    /// Of the scores up to a window.
    pub(super) fn ema(&self, window: usize) -> f64 {
        let first = window.saturating_sub(40);
        (first..=window).fold(0.0, |ema, it| 0.9 * ema + 0.1 * self.score(it))
    }
}

/// A fifth to a third of an ALLO.
pub(super) fn reward(window: usize) -> Uallo {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive amount"
    )]
    let amount = (2.0e17 + 1.3e17 * chance(window, 7)) as u128;
    Uallo(amount)
}
