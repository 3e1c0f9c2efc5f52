//! One round of predictions: models are asked, and each answer is put when it is there.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use super::{
    AnswerShape, Attendance as _, Fact, Facts, Quotes, Roll,
    entry::plain,
    roll::{Absentee, to_the_millisecond},
    schedule::Due,
    telling::has_answered,
    whom::Whom,
};
use crate::{
    clock::SharedClock,
    models::{
        Call, CallStatus, Calling, MethodConfig, ModelNetwork, ModelsError, Outcome, Payload, Value,
    },
    ops::{Event, PredictEvent, Reporter},
    store::{ConfigKey, Packed, Prediction, PredictionConfig, PredictionStatus},
};

/// Answers that are packed and put together.
const GROUP: usize = 128;
/// How long an answer waits for others to be put with.
const GATHER: Duration = Duration::from_millis(10);

/// What rounds are made with.
pub(super) struct Asker {
    pub(super) crunch_id: String,
    pub(super) method: MethodConfig,
    pub(super) answers: AnswerShape,
    /// Bytes that an answer may have.
    pub(super) limit: usize,
    pub(super) network: Arc<ModelNetwork>,
    pub(super) roll: Arc<Roll>,
    pub(super) quotes: Arc<dyn Quotes>,
    pub(super) facts: Arc<dyn Facts>,
    pub(super) clock: SharedClock,
    pub(super) reporter: Reporter,
}

/// The call of a round: the configured arguments among `asset` (STRING), `horizon`, `step` (INT, seconds)
/// and `steps` (JSON: the list of the one step, as `predict_all` takes it), its answers checked.
///
/// # Errors
/// When the method is configured with an argument that is none of these.
pub(super) fn call_of(
    method: &MethodConfig,
    answers: AnswerShape,
    limit: usize,
    config: &PredictionConfig,
) -> Result<Call, ModelsError> {
    let PredictionConfig {
        asset,
        horizon,
        step,
        ..
    } = config;
    let values = [
        ("asset", Value::String(asset.clone())),
        ("horizon", Value::Int(i64::from(*horizon))),
        ("step", Value::Int(i64::from(*step))),
        ("steps", Value::Json(format!("[{step}]").into())),
    ];
    let steps = horizon.checked_div(*step).unwrap_or(0);
    let call = method.call(&values)?.limited(limit);
    Ok(call.checked(move |answer| {
        expect_short(answer, limit)?;
        answers.check(steps, answer)
    }))
}

/// A text may grow sixfold when it is written as JSON; all else is stored about as it came.
fn expect_short(answer: &Payload, limit: usize) -> Result<(), String> {
    let bytes = match answer {
        Payload::String(_) => text_of(answer).len(),
        _ => 0,
    };
    if bytes > limit {
        return Err(format!(
            "a text of {bytes} bytes as JSON, above the limit of {limit}"
        ));
    }
    Ok(())
}

/// What all parts of a round have in common.
struct Stamp {
    crunch_id: String,
    key: ConfigKey,
    slot: i64,
    config: PredictionConfig,
    base: Option<f64>,
    performed_at: OffsetDateTime,
}

#[derive(Default)]
struct Counts {
    succeeded: usize,
    failed: usize,
    timed_out: usize,
}

impl Asker {
    /// Makes a round: of all models, or of some. It ends when the last model has answered or the call's
    /// time is over. Without its end nothing says that it was made, and it is made again after a
    /// restart.
    pub(super) async fn ask(self: Arc<Self>, due: Due, whom: Whom) {
        let call = match call_of(&self.method, self.answers, self.limit, &due.config) {
            Ok(call) => call,
            Err(error) => return self.cannot(&due.key, &error.to_string()),
        };
        let begun = Instant::now();
        let stamp = Arc::new(Stamp {
            crunch_id: self.crunch_id.clone(),
            key: due.key,
            slot: due.slot,
            base: self
                .quotes
                .newest(&due.config.asset)
                .map(|close| close.price),
            config: due.config,
            performed_at: to_the_millisecond(self.clock.now()),
        });
        let calling = self.network.call(&call, &whom.subset(&self.network));
        let asked = calling.asked().len();
        let absent = self.note_who(&stamp, &calling, &whom);
        let Some(counts) = self.collect(&stamp, calling).await else {
            return self.cannot(&stamp.key, "its answers could not be packed");
        };
        self.facts.put(vec![Fact::Performed {
            crunch_id: self.crunch_id.clone(),
            config: stamp.key.clone(),
            slot: stamp.slot,
        }]);
        let event = PredictEvent::PredictionsCollected {
            config: stamp.key.0.clone(),
            slot: stamp.slot,
            asked,
            succeeded: counts.succeeded,
            failed: counts.failed,
            timed_out: counts.timed_out,
            absent,
            took_ms: begun.elapsed().as_secs_f64() * 1e3,
        };
        self.reporter.emit(event.into());
    }

    /// Sees to it that the models are stored before their answers, and puts who is absent. Gives how
    /// many are.
    fn note_who(&self, stamp: &Stamp, calling: &Calling, whom: &Whom) -> usize {
        self.roll.vouch(calling.asked());
        let ids = calling.asked().iter().map(|it| it.model_id.as_str());
        let asked: HashSet<&str> = ids.collect();
        let absent = self.roll.absentees(&asked, whom, stamp.performed_at);
        let facts: Vec<_> = absent.iter().map(|it| stamp.absent(it)).collect();
        if !facts.is_empty() {
            self.facts.put(facts);
        }
        absent.len()
    }

    /// Puts answers in groups as they come. Gives none when some were lost.
    async fn collect(&self, stamp: &Arc<Stamp>, mut calling: Calling) -> Option<Counts> {
        let mut counts = Counts::default();
        while let Some(first) = calling.next().await {
            let until = Instant::now() + GATHER;
            let mut group = vec![first];
            while group.len() < GROUP {
                let Ok(Some(outcome)) = timeout_at(until, calling.next()).await else {
                    break;
                };
                group.push(outcome);
            }
            for outcome in &group {
                counts.add(outcome.status());
                if has_answered(outcome) {
                    self.roll.answered(&outcome.model);
                }
            }
            let (facts, stamp) = (Arc::clone(&self.facts), Arc::clone(stamp));
            let packed = tokio::task::spawn_blocking(move || {
                facts.put(group.iter().map(|it| stamp.answer(it)).collect());
            });
            // Meanwhile later answers gather in the call's queue.
            packed.await.ok()?;
        }
        Some(counts)
    }

    fn cannot(&self, key: &ConfigKey, cause: &str) {
        self.reporter.emit(Event::Trouble {
            cause: format!("a round of {key} can't be made: {cause}"),
            remedy: "see models.predict in the configuration; the next round is tried".into(),
        });
    }
}

impl Counts {
    const fn add(&mut self, status: CallStatus) {
        match status {
            CallStatus::Success => self.succeeded += 1,
            CallStatus::Failure => self.failed += 1,
            CallStatus::Timeout => self.timed_out += 1,
        }
    }
}

/// An answer as JSON text. Numbers that JSON has no words for are written as Python does: `NaN`,
/// `Infinity`, `-Infinity`; whoever reads the text must know them.
fn text_of(answer: &Payload) -> String {
    match answer {
        Payload::None => "null".into(),
        Payload::Double(value) if value.is_nan() => "NaN".into(),
        Payload::Double(value) if value.is_infinite() => if *value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into(),
        Payload::Double(value) => serde_json::Value::from(*value).to_string(),
        Payload::Int(value) => value.to_string(),
        Payload::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        Payload::Json(json) => json.text().to_owned(),
    }
}

impl Stamp {
    fn answer(&self, outcome: &Outcome) -> Fact {
        let status = match outcome.status() {
            CallStatus::Success => PredictionStatus::Success,
            CallStatus::Failure => PredictionStatus::Failure,
            CallStatus::Timeout => PredictionStatus::Timeout,
        };
        let model = &outcome.model;
        let mut part = self.part(&model.model_id, &model.deployment_id, status);
        part.exec_time_us = outcome.exec_time_us;
        part.payload = outcome.payload().map(|answer| match answer {
            Payload::Json(json) => Packed::new(json.text()),
            other => Packed::new(&text_of(other)),
        });
        part.detail = outcome.detail().map(|detail| plain(detail).into_owned());
        Fact::Prediction(part)
    }

    fn absent(&self, absentee: &Absentee) -> Fact {
        let Absentee {
            model_id,
            deployment_id,
            last_seen,
        } = absentee;
        let mut part = self.part(model_id, deployment_id, PredictionStatus::Absent);
        let seconds = (self.performed_at - *last_seen).whole_seconds().max(0);
        part.detail = Some(format!(
            "it could not be asked: it was last there {seconds} s before"
        ));
        Fact::Prediction(part)
    }

    fn part(&self, model_id: &str, deployment_id: &str, status: PredictionStatus) -> Prediction {
        let config = &self.config;
        Prediction {
            crunch_id: self.crunch_id.clone(),
            config: self.key.clone(),
            slot: self.slot,
            model_id: plain(model_id).into_owned(),
            deployment_id: plain(deployment_id).into_owned(),
            status,
            asset: config.asset.clone(),
            horizon: config.horizon,
            step: config.step,
            exec_time_us: 0,
            payload: None,
            detail: None,
            base: self.base,
            performed_at: self.performed_at,
            resolvable_at: self.performed_at + Duration::from_secs(u64::from(config.horizon)),
        }
    }
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
