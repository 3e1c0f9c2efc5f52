//! A network of models: who they are, how they stand, and the newest rounds.

use time::{Duration, OffsetDateTime};

use super::{SampleError, Season, chance};
use crate::{
    ops::Artifacts,
    store::{
        DatabaseUrl, ModelRecord, ModelRepository as _, Packed, Prediction, PredictionConfig,
        PredictionConfigRepository as _, PredictionDb, PredictionRepository as _, PredictionStatus,
        ScoreRepository as _, Snapshot, WindowScore,
    },
};

const CRUNCH: &str = "condorgame";
const MODELS: usize = 12;
const ROUNDS: i64 = 3;
/// Seconds from round to round.
const INTERVAL: u32 = 3_600;
const NAMES: [&str; MODELS] = [
    "drifter",
    "anchor",
    "tailwind",
    "kestrel",
    "plainsong",
    "ridgeline",
    "halfmoon",
    "copper",
    "lantern",
    "quietbox",
    "sparrow",
    "undertow",
];

impl Season {
    pub(super) async fn write_models(&self, artifacts: &Artifacts) -> Result<(), SampleError> {
        let database = DatabaseUrl::file(artifacts.database());
        let store = PredictionDb::connect(&database).await?;
        let config = PredictionConfig {
            asset: "BTC".into(),
            horizon: 7 * 24 * 3_600,
            step: 3_600,
            interval: INTERVAL,
            active: true,
            order: 0,
            best: None,
        };
        let models: Vec<_> = (0..MODELS).map(|it| self.model(it)).collect();
        store.keep_models(&models).await?;
        store.declare(CRUNCH, std::slice::from_ref(&config)).await?;
        let newest = self.until.unix_timestamp() / i64::from(INTERVAL) * i64::from(INTERVAL);
        for round in (0..ROUNDS).rev() {
            let slot = newest - round * i64::from(INTERVAL);
            let parts: Vec<_> = (0..MODELS).map(|it| self.part(&config, it, slot)).collect();
            store.save_all(&parts).await?;
        }
        let mut board: Vec<_> = (0..MODELS).map(|it| self.standing(it)).collect();
        let score = |it: &Snapshot| it.anchor.score.unwrap_or(f64::NEG_INFINITY);
        board.sort_by(|one, other| score(other).total_cmp(&score(one)));
        for (rank, it) in (1..).zip(&mut board) {
            it.rank = it.anchor.score.map(|_| rank);
        }
        store.keep_snapshots(CRUNCH, &board).await?;
        store.close().await;
        Ok(())
    }

    fn model(&self, model: usize) -> ModelRecord {
        let first_seen = self.opened(0);
        ModelRecord {
            crunch_id: CRUNCH.into(),
            model_id: id(model),
            model_name: NAMES.get(model).map(|it| (*it).into()),
            cruncher_id: Some(format!("{}", 40 + model)),
            cruncher_name: None,
            deployment_id: format!("{}_1", id(model)),
            first_seen,
            last_seen: self.until,
            metrics_since: first_seen,
        }
    }

    fn part(&self, config: &PredictionConfig, model: usize, slot: i64) -> Prediction {
        let status = match model {
            10 => PredictionStatus::Timeout,
            11 => PredictionStatus::Absent,
            _ => PredictionStatus::Success,
        };
        let performed_at = OffsetDateTime::from_unix_timestamp(slot).unwrap_or(self.until);
        let performed_at = performed_at + Duration::seconds(2);
        let is_there = status == PredictionStatus::Success;
        Prediction {
            crunch_id: CRUNCH.into(),
            config: config.key(),
            slot,
            model_id: id(model),
            deployment_id: format!("{}_1", id(model)),
            status,
            asset: config.asset.clone(),
            horizon: config.horizon,
            step: config.step,
            exec_time_us: if is_there { 1_500 } else { 0 },
            payload: is_there.then(|| Packed::new("0.001")),
            detail: (!is_there).then(|| "it did not answer".into()),
            base: self.closes.last().copied(),
            performed_at,
            resolvable_at: performed_at + Duration::seconds(config.horizon.into()),
        }
    }

    fn standing(&self, model: usize) -> Snapshot {
        let window = |of: u64, rounds| WindowScore {
            score: (model < 11).then(|| 0.06 * (chance(model, of) - 0.4)),
            log_gain: (model < 11).then(|| 0.1 * (chance(model, of + 1) - 0.5)),
            rounds,
            answered: rounds - u32::from(model > 7) * rounds / 3,
        };
        Snapshot {
            at: self.until - Duration::minutes(15),
            model_id: id(model),
            rank: None,
            recent: window(30, 24),
            steady: window(32, 72),
            anchor: window(34, 168),
        }
    }
}

fn id(model: usize) -> String {
    format!("{}", 100 + model)
}
