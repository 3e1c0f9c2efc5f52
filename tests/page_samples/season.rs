//! A season of windows, and how its forecasts did.

use allora_worker::{
    learning::Verdict,
    page::{
        Band, Earnings, NetworkNow, Pending, RewardPoint, ScorePoint, Track, TrackPoint, WindowRow,
    },
    store::{Miss, Outcome, Standing},
    types::{Height, Nonce},
};
use time::Duration;

use super::{BLOCKS, FIRST, HORIZON, HOURS, NOW, START, hash, noise};

/// What became of the window of an hour: a good season with an outage and a few troubles.
pub(super) fn outcome(hour: i64) -> Outcome {
    match hour {
        2_159 => Outcome::Open,
        2_156..=2_158 => Outcome::Included,
        700..=711 | 1_500 => Outcome::Missed(Miss::Down),
        712 => Outcome::Missed(Miss::Unheard),
        _ if hour % 397 == 50 => Outcome::Missed(Miss::Told(
            "the window closed before a transaction of this wallet was in a block".into(),
        )),
        _ if noise(hour + 5) > 0.86 => Outcome::Outranked,
        _ => Outcome::Counted,
    }
}

pub(super) fn is_answered(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Included | Outcome::Counted | Outcome::Outranked
    )
}

/// The window of an hour of the season.
pub(crate) fn window(hour: i64, minutes: i64, outcome: Outcome) -> WindowRow {
    let nonce = FIRST + hour * BLOCKS;
    let ours = is_answered(&outcome);
    let blocks = 1 + i64::from(noise(hour) > 0.94);
    WindowRow {
        nonce: Nonce(nonce),
        end: Height(nonce + 120),
        at: START + Duration::minutes(hour * minutes) + Duration::seconds(hour % 7),
        is_estimated: matches!(outcome, Outcome::Missed(Miss::Down)),
        blocks: ours.then_some(blocks),
        height: ours.then_some(Height(nonce + blocks)),
        latency_ms: ours.then(|| 1.6 + noise(hour).abs() * 3.0),
        value: ours.then(|| 0.001 * noise(hour / 5)),
        hash: ours.then(|| hash(hour)),
        endpoint: ours.then(|| "https://allora-rpc.testnet.allora.network".into()),
        outcome,
    }
}

/// Windows of a season, one an hour.
pub(crate) fn season_windows() -> Vec<WindowRow> {
    (0..HOURS)
        .map(|hour| window(hour, 60, outcome(hour)))
        .collect()
}

pub(super) fn track() -> Track {
    let mut price = 11.6_f64;
    let prices: Vec<f64> = (0..HOURS + HORIZON)
        .map(|hour| {
            price += 0.004 * noise(hour * 3 + 1) + 0.0006 * (hour as f64 / 300.0).sin();
            price
        })
        .collect();
    let mut sums = (0.0, 0.0);
    let at = |hour: i64| usize::try_from(hour).unwrap_or_default();
    let judged = 0..HOURS - HORIZON;
    let points: Vec<_> = judged
        .filter(|hour| is_answered(&outcome(*hour)))
        .map(|hour| {
            let gone = prices[at(hour + HORIZON)] - prices[at(hour)];
            let value = 0.06 * gone + 0.004 * noise(hour / 9);
            sums.0 += (value - gone).powi(2);
            sums.1 += gone * gone;
            let one = window(hour, 60, Outcome::Counted);
            TrackPoint {
                nonce: one.nonce,
                opened: one.at,
                value,
                outcome: gone,
                ratio: Some(f64::sqrt(sums.0 / sums.1)),
                place: Some((7, 26)),
            }
        })
        .collect();
    let bands = points
        .iter()
        .step_by(40)
        .skip(4)
        .zip(4_i32..)
        .map(|(it, step)| {
            let half = 0.22 / f64::from(step).sqrt();
            let ratio = it.ratio.unwrap_or(1.0);
            Band {
                at: it.opened,
                low: ratio - half,
                high: ratio + half,
            }
        });
    let bands = bands.collect();
    let pending = (HOURS - HORIZON..HOURS - 1).map(|hour| {
        let one = window(hour, 60, Outcome::Counted);
        Pending {
            nonce: one.nonce,
            opened: one.at,
            value: one.value.unwrap_or_default(),
        }
    });
    Track {
        pending: pending.collect(),
        standing: Some(Standing {
            at: NOW.unix_timestamp(),
            nonce: FIRST + HOURS * BLOCKS,
            n: points.len(),
            rmse: 0.049_81,
            zero_rmse: 0.050_83,
            ratio: points.last().and_then(|it| it.ratio),
            interval: Some((0.9, 1.01)),
            ranked: 1_950,
            mean_place: Some(0.31),
            ratio_to_median: Some(0.941),
            ratio_to_network: Some(1.012),
            live_weight: 1.0,
            live_t: Some(1.12),
            live_days: 83,
        }),
        points,
        bands,
    }
}

pub(super) fn earnings() -> Earnings {
    let mut ema = -0.6;
    let scores = (0..HOURS - HORIZON).step_by(2).map(|hour| {
        let score = -0.4 + 0.3 * noise(hour + 77) + 0.0001 * hour as f64;
        ema += 0.05 * (score - ema);
        let one = window(hour, 60, Outcome::Counted);
        ScorePoint {
            nonce: one.nonce,
            at: one.at + Duration::days(7),
            score: Some(score),
            ema: Some(ema),
        }
    });
    let rewards = (0..HOURS - HORIZON).step_by(3).map(|hour| RewardPoint {
        height: Height(FIRST + (hour + HORIZON) * BLOCKS),
        at: START + Duration::hours(hour + HORIZON),
        amount: 1e16 * (1.2 + noise(hour + 3)),
    });
    Earnings {
        scores: scores.collect(),
        rewards: rewards.collect(),
    }
}

pub(super) fn network() -> NetworkNow {
    let mut others: Vec<f64> = (0..25).map(|it| 0.012 * noise(it + 900) + 0.002).collect();
    others.sort_by(f64::total_cmp);
    NetworkNow {
        nonce: Nonce(FIRST + 2_158 * BLOCKS),
        opened: START + Duration::hours(2_158),
        value: -0.001_3,
        combined: Some(0.003_4),
        others,
        mean: Some(0.002_1),
        spread: Some(0.006_9),
        z: Some(-0.49),
        verdict: Some(Verdict::Usual),
    }
}
