//! How long it takes to walk the record of a large network.

use std::{hint::black_box, sync::Arc, time::Duration, time::Instant};

use allora_worker::forecast::{
    BlendConfig, Day, Ensemble, Expected, ForecastConfig, Round, Standing, Standings, round_of,
    voices,
};
use rand::{SeedableRng, rngs::StdRng};

use super::market::normal;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// Days of the record, and models that answer on each.
pub(crate) const DAYS: i64 = 400;
pub(crate) const MODELS: usize = 300;

/// Seconds that standings, and the walk with them, take.
pub(crate) fn walked() -> (f64, f64) {
    let mut random = StdRng::seed_from_u64(1);
    let (mut rounds, mut scores, mut days) = (Vec::new(), Vec::new(), Vec::new());
    for day in 0..DAYS {
        let at = day * DAY + HOUR;
        let mut answers = Vec::new();
        for model in 0..MODELS {
            let model: Arc<str> = format!("m{model:03}").into();
            answers.push(Expected {
                model: Arc::clone(&model),
                at: at - 60,
                log_return: 0.01 * normal(&mut random),
            });
            let standing = Standing {
                at: at + WEEK,
                loss: 0.95 + 0.2 * normal(&mut random).abs(),
                reference: 1.1,
            };
            scores.push((model, standing));
        }
        rounds.push(Round { at, answers });
        days.push(Day {
            at,
            close: 30_000.0 * (0.02 * normal(&mut random)).exp(),
            built_in: 0.001,
            scale: 0.07,
        });
    }
    let (forecast, blend) = (ForecastConfig::default(), BlendConfig::default());
    let horizon = Duration::from_hours(7 * 24);
    let began = Instant::now();
    let standings = Standings::new(scores, blend.score_half_life);
    let told = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let mut ensemble = Ensemble::new(&forecast, &blend, horizon);
    let close = |end: i64| {
        let place = usize::try_from((end - HOUR) / DAY).ok()?;
        days.get(place).map(|it| it.close)
    };
    for day in &days {
        let heard = voices(
            round_of(&rounds, day.at),
            &standings,
            day.at,
            blend.age(horizon),
        );
        ensemble.turn(day, &heard, close);
    }
    black_box(&ensemble);
    (told, began.elapsed().as_secs_f64())
}
