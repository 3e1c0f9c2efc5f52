//! What rows of scores, standings and rounds say, in either database.

use std::{borrow::Cow, collections::BTreeMap};

use time::OffsetDateTime;

use super::{
    super::{
        ConfigKey, Packed, PartAfter, PredictionConfig, ResolvedAfter, RoundAnswer, ScoredPart,
        Snapshot, StoreError, Waiting, WindowScore,
    },
    rows::{self, Columns, Fault, small, time},
    values::id,
};

/// What a model's place is stored as, in the order in which it is written.
pub(super) const SNAPSHOT: &str = "crunch_id, \"at\", model_id, \"rank\", \
    recent_score, recent_log_gain, recent_rounds, recent_answered, \
    steady_score, steady_log_gain, steady_rounds, steady_answered, \
    anchor_score, anchor_log_gain, anchor_rounds, anchor_answered";

/// The columns of [`part`], of `predictions p` and `scores s`, but for the time.
pub(super) const PART: &str = "p.slot, p.model_id, p.status, s.crps, s.log_score, \
    s.crps_reference, s.log_reference, s.prediction_id IS NOT NULL AS is_scored";

/// The columns of [`answer`], of `predictions p` and `scores s`, but for the times.
pub(super) const ANSWER: &str =
    "p.id, p.slot, p.step, p.model_id, p.base, p.payload, s.crps, s.crps_reference";

/// A round may begin late, by its interval at most; one whose interval has changed since, by a day.
const LATEST: i64 = DAY;
/// How early a round may begin, in seconds: as far as a clock may have been put back.
const EARLIEST: i64 = 3_600;

/// A configured prediction as the readers of rounds know it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) number: i64,
    pub(super) key: ConfigKey,
    horizon: u32,
    interval: i64,
}

impl Asked {
    /// No slot before this one has its horizon's end at a time or later.
    fn first_slot(&self, from: OffsetDateTime) -> i64 {
        let latest = self.interval.max(LATEST);
        let first = from
            .unix_timestamp()
            .saturating_sub(i64::from(self.horizon));
        first.saturating_sub(latest)
    }

    /// No slot after this one has its horizon's end before a time.
    pub(super) fn last_slot(&self, until: OffsetDateTime) -> i64 {
        let last = until
            .unix_timestamp()
            .saturating_sub(i64::from(self.horizon));
        last.saturating_add(EARLIEST)
    }

    /// After which slot and model a reading goes on.
    pub(super) fn place<'a>(
        &self,
        from: OffsetDateTime,
        after: Option<&'a PartAfter>,
    ) -> (i64, Cow<'a, str>) {
        match after {
            Some(after) if after.config == self.key => (after.slot, id(&after.model_id)),
            _ => (self.first_slot(from).saturating_sub(1), "".into()),
        }
    }
}

/// All that is asked for, by key, from the one on where a reading stands. A row that makes no sense is
/// left out: what else is asked for is ranked all the same.
pub(super) fn asked(rows: &[impl Columns], after: Option<&PartAfter>) -> Vec<Asked> {
    let read = rows.iter().filter_map(|row| one_asked(row).ok());
    let mut asked: Vec<_> = read
        .filter(|it| after.is_none_or(|after| it.key >= after.config))
        .collect();
    asked.sort_by(|one, other| one.key.cmp(&other.key));
    asked
}

fn one_asked(row: &impl Columns) -> Result<Asked, Fault> {
    let config = PredictionConfig {
        asset: row.text("asset")?,
        horizon: small(row, "horizon")?,
        step: small(row, "step")?,
        interval: 0,
        active: false,
        order: 0,
        best: rows::best(row)?,
    };
    Ok(Asked {
        number: row.number("id")?,
        key: config.key(),
        horizon: config.horizon,
        interval: row.number("interval")?,
    })
}

pub(super) fn part(row: &impl Columns, asked: &Asked) -> Result<ScoredPart, StoreError> {
    let read = || -> Result<ScoredPart, Fault> {
        Ok(ScoredPart {
            config: asked.key.clone(),
            slot: row.number("slot")?,
            model_id: row.text("model_id")?,
            status: row.text("status")?.parse().map_err(Fault::Nonsense)?,
            resolvable_at: time(row, "resolvable_at")?,
            horizon: asked.horizon,
            crps: row.real_or_none("crps")?,
            log_score: row.real_or_none("log_score")?,
            crps_reference: row.real_or_none("crps_reference")?,
            log_reference: row.real_or_none("log_reference")?,
            is_scored: row.flag("is_scored")?,
        })
    };
    let which = || {
        let model = row.text("model_id").unwrap_or_default();
        let slot = row.number("slot").unwrap_or_default();
        format!("that of {model} in slot {slot} of {}", asked.key)
    };
    read().map_err(|fault| fault.told("a prediction", &which()))
}

/// Rows with `id` and `payload`.
pub(super) fn payloads(rows: &[impl Columns]) -> Result<BTreeMap<i64, Packed>, sqlx::Error> {
    let mut payloads = BTreeMap::new();
    for row in rows {
        if let Some(bytes) = row.bytes_or_none("payload")? {
            payloads.insert(row.number("id")?, Packed::from_stored(bytes));
        }
    }
    Ok(payloads)
}

/// Answers that wait, of `unscored u` besides; one that can't be read is counted and in nobody's way.
pub(super) fn waiting(rows: &[impl Columns]) -> Result<Waiting, sqlx::Error> {
    let mut waiting = Waiting::default();
    for row in rows {
        match rows::prediction(row) {
            Ok(it) => waiting.predictions.push(it),
            Err(_) => waiting.unreadable += 1,
        }
    }
    if let Some(row) = rows.last() {
        let due = row.number("due")?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(due) * 1_000_000);
        waiting.next = Some(ResolvedAfter {
            resolvable_at: at.map_err(|cause| sqlx::Error::Decode(Box::new(cause)))?,
            id: row.number("waits")?,
        });
    }
    Ok(waiting)
}

pub(super) fn answer(row: &impl Columns) -> Result<RoundAnswer, StoreError> {
    let read = || -> Result<RoundAnswer, Fault> {
        let payload = row.bytes_or_none("payload")?;
        let payload = payload.ok_or_else(|| Fault::Nonsense("payload is empty".into()))?;
        Ok(RoundAnswer {
            slot: row.number("slot")?,
            performed_at: time(row, "performed_at")?,
            step: small(row, "step")?,
            model_id: row.text("model_id")?,
            base: row.real_or_none("base")?,
            payload: Packed::from_stored(payload),
            resolvable_at: time(row, "resolvable_at")?,
            crps: row.real_or_none("crps")?,
            crps_reference: row.real_or_none("crps_reference")?,
        })
    };
    let number = row.number("id").unwrap_or_default();
    read().map_err(|fault| fault.told("a prediction", &format!("number {number}")))
}

pub(super) fn snapshot(row: &impl Columns) -> Result<Snapshot, StoreError> {
    let read = || -> Result<Snapshot, Fault> {
        let rank = match row.number_or_none("rank")? {
            None => None,
            Some(_) => Some(small(row, "rank")?),
        };
        let window = |score, log_gain, rounds, answered| -> Result<WindowScore, Fault> {
            Ok(WindowScore {
                score: row.real_or_none(score)?,
                log_gain: row.real_or_none(log_gain)?,
                rounds: small(row, rounds)?,
                answered: small(row, answered)?,
            })
        };
        Ok(Snapshot {
            at: time(row, "at")?,
            model_id: row.text("model_id")?,
            rank,
            recent: window(
                "recent_score",
                "recent_log_gain",
                "recent_rounds",
                "recent_answered",
            )?,
            steady: window(
                "steady_score",
                "steady_log_gain",
                "steady_rounds",
                "steady_answered",
            )?,
            anchor: window(
                "anchor_score",
                "anchor_log_gain",
                "anchor_rounds",
                "anchor_answered",
            )?,
        })
    };
    let model = row.text("model_id").unwrap_or_default();
    read().map_err(|fault| fault.told("a snapshot", &model))
}

/// A number that can be compared; the databases disagree on what is none.
pub(super) fn sound(value: Option<f64>) -> Option<f64> {
    value.filter(|value| !value.is_nan())
}

/// All that a crunch `$1` is asked for.
pub(super) const ASKED: &str = "SELECT id, asset, horizon, step, best, \"interval\" \
    FROM prediction_configs WHERE crunch_id = $1";

/// The number of what a crunch `$1` is asked about an asset `$2` over a horizon `$3`, the widest step
/// first. What is not asked for any more counts only when nothing else is.
pub(super) const WIDEST: &str = "SELECT id FROM prediction_configs WHERE crunch_id = $1 \
    AND asset = $2 AND horizon = $3 AND best IS NULL ORDER BY active DESC, step DESC LIMIT 1";

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The assets of a crunch `$1`, each with the time of its newest close at a time `$2` or before.
pub(super) const NEWEST: &str = "SELECT a.asset, \
    (SELECT max(c.\"at\") FROM closes c WHERE c.asset = a.asset AND c.\"at\" <= $2) AS \"at\" \
    FROM (SELECT DISTINCT asset FROM prediction_configs WHERE crunch_id = $1) a";

/// Rows of [`NEWEST`], whose times are selected in milliseconds.
pub(super) fn newest(rows: &[impl Columns]) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    let mut newest = BTreeMap::new();
    for row in rows {
        if let Some(at) = row.number_or_none("at")? {
            newest.insert(row.text("asset")?, at.div_euclid(1_000));
        }
    }
    Ok(newest)
}
