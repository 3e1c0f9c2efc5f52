//! A season: prices, models, their scores as they became known, and what follows from them.
#![allow(
    clippy::cast_possible_wrap,
    reason = "days and hours of a season are few"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use allora_worker::forecast::{
    BlendConfig, Candle, Choice, Days, Engine, Ensemble, Expected, ForecastConfig, Round, Standing,
    Standings, round_of, voices,
};
use rand::{SeedableRng, rngs::StdRng};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use super::{
    cast::{Kind, Morning, expects},
    market::{Market, SIGMA, normal},
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What is played.
#[derive(Clone, Debug)]
pub(crate) struct Season {
    pub(crate) seed: u64,
    pub(crate) days: usize,
    /// Hours of the horizon; whole days.
    pub(crate) hours: usize,
    /// The share of the variance of the return over the horizon that can be known.
    pub(crate) explained: f64,
    pub(crate) cast: Vec<Kind>,
    /// The day on which turncoats turn.
    pub(crate) turn: usize,
    pub(crate) forecast: ForecastConfig,
    pub(crate) blend: BlendConfig,
}

/// What every source said on each scored day, and what came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Played {
    pub(crate) outcomes: Vec<f64>,
    /// By source: `prior`, `mean`, `models`, `blend`, and each kind of model (the first of its kind).
    pub(crate) said: BTreeMap<&'static str, Vec<f64>>,
    /// The gate's weight on each scored day.
    pub(crate) gates: Vec<f64>,
}

impl Played {
    /// Root mean square error of a source against that of zero, over the days from `first` on.
    pub(crate) fn ratio(&self, source: &str, first: usize) -> f64 {
        let (mut ours, mut zero) = (0.0, 0.0);
        let said = self.said.get(source).map_or(&[][..], Vec::as_slice);
        for (said, came) in said.iter().zip(&self.outcomes).skip(first) {
            ours += (came - said).powi(2);
            zero += came.powi(2);
        }
        (ours / zero).sqrt()
    }
}

impl Season {
    /// A season of the prior and these models.
    pub(crate) fn new(
        seed: u64,
        hours: usize,
        days: usize,
        explained: f64,
        cast: Vec<Kind>,
    ) -> Self {
        let forecast = ForecastConfig {
            source: Choice::Prior,
            ..ForecastConfig::default()
        };
        let blend = BlendConfig::default();
        Self {
            seed,
            hours,
            days,
            explained,
            cast,
            turn: 425,
            forecast,
            blend,
        }
    }

    /// Plays it day by day. On each day only what was known at 01:00 UTC is used.
    pub(crate) fn play(&self) -> Played {
        let market = Market::new(
            self.seed,
            self.days + self.hours / 24 + 1,
            self.hours,
            self.explained,
        );
        let (rounds, means) = self.rounds(&market);
        let scores = self.scores(&market, &means);
        let standings = Standings::new(scores, self.blend.score_half_life);
        let horizon = Duration::from_hours(self.hours as u64);
        let age = self.blend.age(horizon);
        let mut engine = Engine::new(&self.forecast, horizon);
        let mut ensemble = Ensemble::new(&self.forecast, &self.blend, horizon);
        let mut days = Days::default();
        let mut played = Played::default();
        for (hour, close) in market.closes.iter().take(self.days * 24).enumerate() {
            let candle = candle(hour, *close);
            engine.push(candle.start, candle.close);
            let before = days.all().len();
            days.note(&engine, &candle);
            let Some(day) = days.all().get(before) else {
                continue;
            };
            let answers = round_of(&rounds, day.at);
            let heard = voices(answers, &standings, day.at, age);
            let close = |end: i64| {
                market
                    .closes
                    .get(usize::try_from(end / HOUR - 1).ok()?)
                    .copied()
            };
            ensemble.turn(day, &heard, close);
            let said = ensemble.say(&heard, Some(day.built_in), Some(day.scale));
            let built_in = day.built_in;
            let models = said.as_ref().map_or(built_in, |it| it.models);
            let blend = said.as_ref().and_then(|it| it.blend).unwrap_or(built_in);
            played
                .outcomes
                .push((market.closes[hour + self.hours] / market.closes[hour]).ln());
            played.gates.push(said.map_or(0.0, |it| it.gate));
            let plain = answers
                .iter()
                .map(|it| it.log_return)
                .filter(|it| it.abs() <= 0.25);
            let (count, sum) = plain.fold((0.0, 0.0), |(count, sum), it| (count + 1.0, sum + it));
            let mut singles: BTreeMap<&'static str, f64> = BTreeMap::from([
                ("prior", built_in),
                ("mean", sum / f64::max(count, 1.0)),
                ("models", models),
                ("blend", blend),
            ]);
            for (kind, mean) in self.cast.iter().zip(&means[hour / 24]) {
                let value = mean.filter(|it| it.abs() <= 0.25).unwrap_or(0.0);
                singles.entry(kind.name()).or_insert(value);
            }
            for (source, value) in singles {
                played.said.entry(source).or_default().push(value);
            }
        }
        played
    }

    /// The rounds of 00:00, and each model's mean by day.
    fn rounds(&self, market: &Market) -> (Vec<Round>, Vec<Vec<Option<f64>>>) {
        let mut random = StdRng::seed_from_u64(self.seed ^ 0x5EA5);
        let days = market.closes.len() / 24;
        // Over time; of a market without anything to be known, what it would be were there a little.
        let usual = (self.explained.max(0.01) * self.hours as f64).sqrt() * SIGMA;
        let (mut rounds, mut means) = (Vec::new(), Vec::new());
        for day in 0..days {
            let first = normal(&mut random);
            let knowable = market.knowable[day * 24];
            let morning = Morning {
                day,
                turn: self.turn,
                knowable,
                usual,
                first,
            };
            let expected = self.cast.iter().enumerate();
            let expected: Vec<Option<f64>> = expected
                .map(|(place, kind)| expects(*kind, place, &morning, &mut random))
                .collect();
            let at = day as i64 * DAY + HOUR;
            let answers = expected.iter().enumerate().filter_map(|(place, value)| {
                Some(Expected {
                    model: name(place),
                    at: at - 60,
                    log_return: (*value)?,
                })
            });
            rounds.push(Round {
                at,
                answers: answers.collect(),
            });
            means.push(expected);
        }
        (rounds, means)
    }

    /// What each model's answer to each day's round was worth, known once the horizon has passed.
    fn scores(&self, market: &Market, means: &[Vec<Option<f64>>]) -> Vec<(Arc<str>, Standing)> {
        let scale = SIGMA * (self.hours as f64).sqrt();
        let mut scores = Vec::new();
        for (day, means) in means.iter().enumerate() {
            let (now, later) = (day * 24, day * 24 + self.hours);
            let Some(close) = market.closes.get(later) else {
                break;
            };
            let outcome = (close / market.closes[now]).ln();
            let reference = crps(outcome, 0.0, scale).unwrap_or(0.0);
            for (place, mean) in means.iter().enumerate() {
                // Widths differ a little, as models do.
                let width = scale * (0.94 + 0.03 * (place % 5) as f64);
                let at = (later as i64 + 1) * HOUR;
                if let Some(loss) = mean.and_then(|mean| crps(outcome, mean, width)) {
                    scores.push((
                        name(place),
                        Standing {
                            at,
                            loss,
                            reference,
                        },
                    ));
                }
            }
        }
        scores
    }
}

/// The continuous ranked probability score of a normal density; none for what is no density.
fn crps(outcome: f64, mean: f64, width: f64) -> Option<f64> {
    let standard = Normal::standard();
    let z = (outcome - mean) / width;
    let score = z * (2.0 * standard.cdf(z) - 1.0) + 2.0 * standard.pdf(z)
        - 1.0 / std::f64::consts::PI.sqrt();
    Some(width * score).filter(|it| it.is_finite())
}

fn name(place: usize) -> Arc<str> {
    format!("m{place:02}").into()
}

fn candle(hour: usize, close: f64) -> Candle {
    Candle {
        start: hour as i64 * HOUR,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    }
}
