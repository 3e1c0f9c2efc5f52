//! How a topic's resolved forecasts have done so far.

use time::OffsetDateTime;

use crate::{
    evaluate::{Bootstrap, Pair, score},
    forecast::{ForecastConfig, LiveFuse, LiveOutcome, Source, Target, TopicSpec, log_return},
    store::{Record, Standing},
};

/// Seconds of the blocks that the interval is drawn from: 28 days.
const BLOCK: i64 = 28 * 86_400;
/// Series that are drawn for the interval.
const DRAWS: usize = 1_000;
/// What the draws start from: the same records give the same interval.
const SEED: u64 = 28;

/// How a topic's resolved forecasts have done, in order of time. Takes some milliseconds: not for the async
/// threads.
#[must_use]
pub fn standing(
    records: &[Record],
    config: &ForecastConfig,
    topic: &TopicSpec,
    now: OffsetDateTime,
) -> Standing {
    let mut tally = Tally::default();
    for record in records {
        tally.add(topic.target, *record);
    }
    tally.standing(config, topic, now)
}

/// A topic's record while it is read: small, however many inferers there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pairs: Vec<Pair>,
    lives: Vec<LiveOutcome>,
    first: Option<OffsetDateTime>,
    newest: Option<Record>,
    ranked: usize,
    places: f64,
    /// Our loss and the median's, where both are known; the same for the network's value.
    median: (f64, f64),
    combined: (f64, f64),
}

impl Tally {
    /// Adds a record; they come in order of time.
    pub(super) fn add(&mut self, target: Target, record: Record) {
        let resolution = record.resolution;
        // What "zero" is for a price is a price that stays: both are measured from there.
        let zero = match target {
            Target::Price => resolution.base,
            Target::LogReturn | Target::PercentReturn => 0.0,
        };
        self.pairs.push(Pair {
            forecast: record.value - zero,
            outcome: resolution.outcome - zero,
        });
        // What others made is not the built-in forecast's merit or fault.
        if record.source.is_some_and(Source::is_opinion) {
            self.note_live(LiveOutcome {
                opened: record.opened.unix_timestamp(),
                forecast: log_return(target, resolution.base, record.value),
                outcome: (resolution.close / resolution.base).ln(),
            });
        }
        self.first.get_or_insert(record.opened);
        self.newest = Some(record);
        let Some(field) = record.field else {
            return;
        };
        self.ranked += 1;
        if field.places > 1 {
            self.places += f64::from(field.place - 1) / f64::from(field.places - 1);
        }
        for (sums, theirs) in [
            (&mut self.median, field.median_loss),
            (&mut self.combined, field.combined_loss),
        ] {
            if let Some(theirs) = theirs {
                sums.0 += resolution.loss;
                sums.1 += theirs;
            }
        }
    }

    /// Only the last of each day is of use.
    fn note_live(&mut self, outcome: LiveOutcome) {
        let day = |it: &LiveOutcome| it.opened.div_euclid(86_400);
        match self.lives.last_mut() {
            Some(last) if day(last) == day(&outcome) => *last = outcome,
            _ => self.lives.push(outcome),
        }
    }

    /// The newest record; none without any.
    pub(super) const fn newest(&self) -> Option<Record> {
        self.newest
    }

    /// What follows from it. Takes some milliseconds: not for the async threads.
    pub(super) fn standing(
        &self,
        config: &ForecastConfig,
        topic: &TopicSpec,
        now: OffsetDateTime,
    ) -> Standing {
        let fuse = LiveFuse::of(config, topic.horizon, self.lives.iter().copied());
        let score = score(&self.pairs);
        let bootstrap = Bootstrap {
            rows_per_block: self.rows_per_block(),
            draws: DRAWS,
            seed: SEED,
            threads: 1,
        };
        let interval = bootstrap.intervals(&self.pairs).rmse_ratio;
        let mean = |losses: f64| (losses / self.pairs.len().max(1) as f64).sqrt();
        let squares = |of: fn(&Pair) -> f64| self.pairs.iter().map(of).sum::<f64>();
        Standing {
            at: now.unix_timestamp(),
            nonce: self.newest.map_or(0, |it| it.nonce.0),
            n: self.pairs.len(),
            rmse: mean(squares(|it| (it.forecast - it.outcome).powi(2))),
            zero_rmse: mean(squares(|it| it.outcome.powi(2))),
            ratio: score.map(|it| it.rmse_ratio),
            interval: interval.map(|it| (it.low, it.high)),
            ranked: self.ranked,
            mean_place: (self.ranked > 0).then(|| self.places / self.ranked as f64),
            ratio_to_median: ratio(self.median),
            ratio_to_network: ratio(self.combined),
            live_weight: fuse.weight,
            live_t: fuse.t,
            live_days: fuse.days,
        }
    }

    /// Rows of 28 days, by the mean distance between two windows.
    fn rows_per_block(&self) -> usize {
        let (Some(first), Some(newest)) = (self.first, self.newest) else {
            return 1;
        };
        let span = (newest.opened - first).whole_seconds();
        let gaps = i64::try_from(self.pairs.len()).unwrap_or(i64::MAX) - 1;
        if span <= 0 || gaps <= 0 {
            return 1;
        }
        let rows = (BLOCK as f64 * gaps as f64 / span as f64).round();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive count, and 1 where it is not"
        )]
        let rows = rows as usize;
        rows.max(1)
    }
}

/// The ratio of the root mean squared errors behind two sums of losses.
fn ratio((ours, theirs): (f64, f64)) -> Option<f64> {
    Some((ours / theirs).sqrt()).filter(|it| it.is_finite())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::{
        store::{Field, Resolution},
        types::{Nonce, TopicId},
    };

    fn spec(target: Target) -> TopicSpec {
        TopicSpec {
            topic: TopicId(67),
            ticker: "btcusd".into(),
            horizon: Duration::from_hours(24),
            target,
        }
    }

    fn record(hour: i64, value: f64, outcome: f64, field: Option<Field>) -> Record {
        Record {
            nonce: Nonce(hour),
            opened: datetime!(2025-01-01 0:00 UTC) + time::Duration::hours(hour),
            value,
            source: Some(Source::Gated),
            resolution: Resolution {
                base: 1.0,
                close: outcome.exp(),
                outcome,
                loss: (value - outcome).powi(2),
                zero_loss: outcome * outcome,
            },
            field,
        }
    }

    fn standing(target: Target, records: &[Record]) -> Standing {
        let now = datetime!(2026-01-01 0:00 UTC);
        super::standing(records, &ForecastConfig::default(), &spec(target), now)
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_ratio_is_of_root_mean_squared_errors() {
        // Ours: 0.1² + 0.2²; zero's: 0.3² + 0.4²; so √(0.05 / 0.25).
        let records = [record(0, 0.2, 0.3, None), record(1, -0.2, -0.4, None)];
        let found = standing(Target::LogReturn, &records);
        assert_eq!((found.n, found.nonce, found.ranked), (2, 1, 0));
        assert!(near(found.rmse, 0.025_f64.sqrt()) && near(found.zero_rmse, 0.125_f64.sqrt()));
        assert!(found.ratio.is_some_and(|it| near(it, 0.2_f64.sqrt())));
        assert_eq!((found.interval, found.mean_place), (None, None));
        assert!(near(found.live_weight, 1.0) && found.live_days == 1);
    }

    #[test]
    fn a_price_is_measured_from_the_price_that_stays() {
        let mut price = record(0, 103.0, 104.0, None);
        price.resolution.base = 100.0;
        price.resolution.close = 104.0;
        let found = standing(Target::Price, &[price]);
        assert!(near(found.rmse, 1.0) && near(found.zero_rmse, 4.0));
        assert!(found.ratio.is_some_and(|it| near(it, 0.25)));
    }

    #[test]
    fn only_what_the_built_in_forecast_made_counts_for_its_fuse() {
        let others = [None, Some(Source::Http), Some(Source::Fallback)];
        let mut records: Vec<_> = (0..90)
            .zip(others.into_iter().cycle())
            .map(|(day, source)| Record {
                source,
                ..record(day * 24, -0.3, 0.3, None)
            })
            .collect();
        let found = standing(Target::LogReturn, &records);
        assert_eq!((found.n, found.live_days), (90, 0));
        assert!(near(found.live_weight, 1.0));
        // Its own stays the day's, though another's comes later.
        records[0].source = Some(Source::Prior);
        records[1].opened = records[0].opened + time::Duration::HOUR;
        let found = standing(Target::LogReturn, &records);
        assert_eq!((found.n, found.live_days), (90, 1));
    }

    #[test]
    fn places_and_losses_of_others_are_taken_where_they_are_known() {
        let field = |place, places, median_loss| {
            Some(Field {
                place,
                places,
                median_loss,
                combined_loss: None,
            })
        };
        let records = [
            record(0, 0.2, 0.3, field(3, 5, Some(0.04))),
            record(1, 0.2, 0.3, field(1, 1, None)),
            record(2, 9.0, 0.3, None),
        ];
        let found = standing(Target::LogReturn, &records);
        assert_eq!(found.ranked, 2);
        assert!(found.mean_place.is_some_and(|it| near(it, 0.25)));
        assert!(found.ratio_to_median.is_some_and(|it| near(it, 0.5)));
        assert_eq!(found.ratio_to_network, None);
    }

    #[test]
    fn blocks_hold_28_days_of_windows_and_three_give_an_interval() {
        let records: Vec<_> = (0..28 * 3)
            .map(|day| {
                let outcome = 0.01 * ((day * 5 % 11) as f64 - 5.2);
                record(day * 24, outcome * 0.5, outcome, None)
            })
            .collect();
        let mut tally = Tally::default();
        for record in &records {
            tally.add(Target::LogReturn, *record);
        }
        assert_eq!(tally.rows_per_block(), 28);
        let found = standing(Target::LogReturn, &records);
        let (low, high) = found.interval.expect("three blocks");
        assert!(near(low, 0.5) && near(high, 0.5) && found.live_days == 84);
        assert_eq!(standing(Target::LogReturn, &records[..83]).interval, None);
    }
}
