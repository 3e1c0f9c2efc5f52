use std::sync::Arc;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    super::{Expected, Round, Standing, Standings, round_of, testing::ten, voices},
    *,
};
use crate::forecast::{
    Candle, Choice, Days, Engine,
    testing::{Planted, WEEK, hasty},
};

/// All that an ensemble is fed over a span of days.
#[derive(Clone)]
struct Past {
    candles: Vec<Candle>,
    rounds: Vec<Round>,
    scores: Vec<(Arc<str>, Standing)>,
}

const MODELS: usize = 6;

impl Past {
    /// Models that see what comes, through much noise (`skill` 1), or its opposite (-1), or nothing.
    fn new(seed: u64, days: u32, skill: f64) -> Self {
        let planted = Planted {
            seed,
            days,
            lag: 24,
            strength: 0.0,
            flip: None,
        };
        let candles = planted.candles();
        let mut random = StdRng::seed_from_u64(seed + 77);
        let (mut rounds, mut scores) = (Vec::new(), Vec::new());
        for day in 0..days as usize {
            let outcome = candles
                .get(24 * (day + 7))
                .map_or(0.0, |later| (later.close / candles[24 * day].close).ln());
            let at = candles[24 * day].start + HOUR;
            let answers = (0..MODELS).map(|model| Expected {
                model: format!("m{model}").into(),
                at,
                log_return: 0.2 * skill * outcome + random.random_range(-0.02..0.02),
            });
            rounds.push(Round {
                at,
                answers: answers.collect(),
            });
            for model in 0..MODELS {
                let (loss, reference) = (random.random_range(0.8..0.99), 1.0);
                let standing = Standing {
                    at: at + 60,
                    loss,
                    reference,
                };
                scores.push((format!("m{model}").into(), standing));
            }
        }
        Self {
            candles,
            rounds,
            scores,
        }
    }

    /// What is said after so many hours, and the record until then.
    fn said(&self, hours: usize, choice: Choice) -> Option<Said> {
        let (forecast, config) = (hasty(choice), BlendConfig::default());
        let standings = Standings::new(self.scores.iter().cloned(), config.score_half_life);
        let (mut engine, mut days) = (Engine::new(&forecast, WEEK), Days::default());
        for candle in &self.candles[..hours] {
            engine.push(candle.start, candle.close);
            days.note(&engine, candle);
        }
        let mut ensemble = Ensemble::new(&forecast, &config, WEEK);
        let of = |at: i64| {
            let morning = at - (at - HOUR).rem_euclid(24 * HOUR);
            voices(round_of(&self.rounds, morning), &standings, at, 24 * HOUR)
        };
        // All closes can be seen, also those to come: it must not look at them.
        let close = |end: i64| {
            let place = usize::try_from(end / HOUR - 1).ok()?;
            Some(self.candles.get(place)?.close)
        };
        for day in days.all() {
            ensemble.turn(day, &of(day.at), close);
        }
        let now = self.candles[hours - 1].start + HOUR;
        let opinion = engine.opinion().ok()?;
        ensemble.say(&of(now), Some(opinion.log_return), Some(engine.scale()))
    }
}

#[test]
fn nothing_from_after_the_time_is_used() {
    let past = Past::new(5, 130, 1.0);
    let hours = 110 * 24 + 5;
    let now = past.candles[hours - 1].start + HOUR;
    let before = past.said(hours, Choice::Prior).unwrap();
    assert!(before.gate_t.is_some(), "{before:?}");
    let mut random = StdRng::seed_from_u64(9);
    let mut other = past.clone();
    for candle in &mut other.candles[hours..] {
        candle.close *= random.random_range(0.1..10.0);
    }
    for round in other.rounds.iter_mut().filter(|it| it.at > now) {
        for answer in &mut round.answers {
            answer.log_return = random.random_range(-1.0..1.0);
        }
    }
    for (_, standing) in other.scores.iter_mut().filter(|(_, it)| it.at >= now) {
        standing.loss = random.random_range(0.0..2.0);
    }
    assert_ne!(other.rounds, past.rounds);
    assert_eq!(other.said(hours, Choice::Prior), Some(before));
}

#[test]
fn the_gate_opens_to_skill_and_the_fuse_burns_for_its_opposite() {
    let hours = 119 * 24;
    let good = Past::new(3, 130, 1.0).said(hours, Choice::Prior).unwrap();
    assert!(
        good.gate > 0.5 && good.fuse > 0.99 && good.days > 80,
        "{good:?}"
    );
    let blend = good.blend.unwrap();
    let value = good.combined.value;
    assert!(
        (blend - value).abs() < (1.0 - good.gate + 1e-9) * (value.abs() + 0.01),
        "{good:?}"
    );

    let bad = Past::new(3, 130, -1.0).said(hours, Choice::Prior).unwrap();
    assert!(bad.gate <= 0.0 && bad.fuse < 0.01, "{bad:?}");
    // What has no weight has a sign all the same.
    assert!((bad.models.abs() - LEAST).abs() < 1e-12, "{bad:?}");
}

#[test]
fn a_record_too_short_trusts_the_models_alone_and_not_beside_the_built_in() {
    let said = Past::new(3, 60, 1.0).said(45 * 24, Choice::Prior).unwrap();
    assert_eq!((said.fuse, said.gate, said.gate_t), (1.0, 0.0, None));
    assert!((said.models - said.combined.value).abs() < 1e-15);
}

#[test]
fn both_are_held_within_the_limit() {
    let forecast = ForecastConfig {
        max_abs: 0.004,
        ..ForecastConfig::default()
    };
    let ensemble = Ensemble::new(&forecast, &BlendConfig::default(), WEEK);
    let mut near = ten();
    near.retain(|it| it.value > 0.0 && it.value <= 0.004);
    near.push(Voice {
        model: "n".into(),
        value: 0.0035,
        standing: Some(0.1),
    });
    let said = ensemble.say(&near, Some(0.5), None).unwrap();
    assert_eq!(said.blend, Some(0.004));
    assert!(said.models <= 0.004);
}
