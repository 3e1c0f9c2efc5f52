//! One tick's way to all models, and what they make of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::join_all};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{SharedBook, heard::Part, shared_book::Tick};
use crate::{
    models::{Call, CallStatus, Calling, Cause, ModelInfo, ModelNetwork, Outcome, Subset},
    ops::{PredictEvent, Reporter},
};

/// Calls above this many bytes are not repeated with each tick.
const LARGE: usize = 1 << 20;

/// What a part of the models is told.
pub(super) struct Spoken {
    part: Part,
    /// None before they are encoded.
    calls: Option<Arc<[Call]>>,
    /// The first call, if it is under way.
    calling: Option<Calling>,
}

impl Spoken {
    /// It is encoded and sent by the task that waits for the answers.
    pub(super) const fn later(part: Part) -> Self {
        Self {
            part,
            calls: None,
            calling: None,
        }
    }

    /// It is sent at once.
    pub(super) fn now(network: &ModelNetwork, part: Part, calls: Arc<[Call]>) -> Self {
        let calling = calls
            .first()
            .map(|call| network.call(call, &only(&part.models)));
        Self {
            part,
            calls: Some(calls),
            calling,
        }
    }
}

/// How many models took a tick.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    asked: usize,
    succeeded: usize,
    failed: usize,
    timed_out: usize,
    behind: usize,
}

/// A tick that is being told.
pub(super) struct Telling {
    pub(super) network: Arc<ModelNetwork>,
    pub(super) book: Arc<SharedBook>,
    pub(super) reporter: Reporter,
    pub(super) tick: Tick,
}

impl Telling {
    /// Waits for all outcomes, or until `done`, notes who missed what, and tells of it.
    pub(super) async fn hear(self, spoken: Vec<Spoken>, done: CancellationToken) {
        let begun = Instant::now();
        let parts = spoken.into_iter().map(|it| self.hear_part(it, &done));
        let tallies = join_all(parts).await;
        done.cancel();
        let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum();
        let event = PredictEvent::TickTold {
            assets: self.tick.new.assets(),
            closes: self.tick.new.len(),
            asked: sum(|it| it.asked),
            succeeded: sum(|it| it.succeeded),
            failed: sum(|it| it.failed),
            timed_out: sum(|it| it.timed_out),
            behind: sum(|it| it.behind),
            took_ms: millis(begun.elapsed()),
        };
        self.reporter.emit(event.into());
    }

    async fn hear_part(&self, spoken: Spoken, done: &CancellationToken) -> Tally {
        let Spoken {
            part,
            calls,
            mut calling,
        } = spoken;
        let calls = match calls {
            Some(calls) => calls,
            None => match self.book.calls_from(part.first).await {
                Ok(calls) => calls,
                Err(cause) => {
                    self.book.complain(&cause);
                    return Tally::default();
                }
            },
        };
        let mut tally = Tally::default();
        if part.first < self.tick.number {
            tally.behind = part.models.len();
        }
        let mut models: Vec<String> = ids(&part.models);
        let last = calls.len().saturating_sub(1);
        for (place, call) in calls.iter().enumerate() {
            let calling = match calling.take() {
                Some(calling) => calling,
                None => self.network.call(call, &Subset::Only(models)),
            };
            if place == 0 {
                tally.asked = calling.asked().len();
            }
            let is_last = place == last;
            let is_large = call.size() > LARGE;
            models = self
                .hear_call(calling, part.first, is_last, is_large, done, &mut tally)
                .await;
        }
        tally.succeeded = models.len();
        let took: HashSet<String> = models.into_iter().collect();
        for model in part
            .models
            .iter()
            .filter(|model| !took.contains(&model.model_id))
        {
            // It failed, or was not there to be called.
            self.book.missed(model, part.first, false);
        }
        tally
    }

    /// Hears the outcomes of one call; gives who took it.
    async fn hear_call(
        &self,
        mut calling: Calling,
        first: u64,
        is_last: bool,
        is_large: bool,
        done: &CancellationToken,
        tally: &mut Tally,
    ) -> Vec<String> {
        let asked = calling.asked().iter();
        let mut waiting: HashMap<String, Arc<ModelInfo>> = asked
            .map(|model| (model.model_id.clone(), Arc::clone(model)))
            .collect();
        let mut took = Vec::with_capacity(waiting.len());
        while let Some(Some(outcome)) = done.run_until_cancelled(calling.next()).await {
            let model = &outcome.model;
            waiting.remove(&model.model_id);
            if has_answered(&outcome) {
                self.book.attendance.answered(model);
            }
            match outcome.status() {
                CallStatus::Success => {
                    if is_last {
                        self.book.took(model, first, self.tick.number);
                    }
                    took.push(model.model_id.clone());
                    continue;
                }
                CallStatus::Failure => tally.failed += 1,
                CallStatus::Timeout => tally.timed_out += 1,
            }
            self.book
                .missed(model, first, is_large && was_asked(&outcome));
        }
        tally.timed_out += waiting.len();
        for model in waiting.values() {
            self.book.missed(model, first, is_large);
        }
        took
    }
}

/// Whether the model itself said something.
pub(super) fn has_answered(outcome: &Outcome) -> bool {
    outcome.trouble().is_none_or(|trouble| {
        matches!(
            trouble.cause,
            Cause::Raised
                | Cause::Nonsense
                | Cause::WrongShape
                | Cause::BadImplementation
                | Cause::AnswerTooLarge
        )
    })
}

/// Whether the call was at the model.
fn was_asked(outcome: &Outcome) -> bool {
    outcome.exec_time_us > 0
}

fn ids(models: &[Arc<ModelInfo>]) -> Vec<String> {
    models.iter().map(|model| model.model_id.clone()).collect()
}

fn only(models: &[Arc<ModelInfo>]) -> Subset {
    Subset::Only(ids(models))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
