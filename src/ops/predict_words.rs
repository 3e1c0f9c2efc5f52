//! What the Predict worker's events say to people.

use super::{
    PredictEvent,
    phrase::{Level, Words, good, span, warning},
};

impl PredictEvent {
    pub(super) fn words(&self) -> Words {
        match self {
            Self::PredictStarting { .. } | Self::PredictReady { .. } => self.of_the_start(),
            Self::TickTold { .. }
            | Self::PredictionsCollected { .. }
            | Self::RoundsMissed { .. }
            | Self::PricesEnded { .. } => self.of_the_market(),
            Self::StoreUnavailable { .. }
            | Self::StoreCaughtUp { .. }
            | Self::StoreOverflow { .. }
            | Self::PredictionsPruned { .. } => self.of_the_store(),
            Self::ShareJoined { .. }
            | Self::WorkersChanged { .. }
            | Self::ModelsTakenOver { .. }
            | Self::ModelsHandedOver { .. }
            | Self::ShareFenced { .. }
            | Self::ShareResumed { .. } => self.of_the_share(),
            _ => self.of_a_model(),
        }
    }

    fn of_the_start(&self) -> Words {
        match self {
            Self::PredictStarting {
                version,
                crunch_id,
                orchestrator,
                database,
                prices,
                pid,
            } => good("🚀", "Starting Allora Predict worker").with(format!(
                "{version} (crunch {crunch_id} at {orchestrator}, database {database}, prices from {prices}, pid {pid})"
            )),
            Self::PredictReady {
                models,
                joining,
                schedules,
                closes,
            } => good("✅", "Models are up to date").with(format!(
                "({models} can be called, {joining} are still joining; {closes} prices at hand, {schedules} schedules)"
            )),
            _ => good("", ""),
        }
    }

    fn of_a_model(&self) -> Words {
        match self {
            Self::ModelFirstSeen {
                model_id,
                model_name,
                cruncher_name,
                deployment_id,
            } => good("🆕", "New model").with(format!(
                "{} (deployment {deployment_id})",
                called(model_id, model_name.as_deref(), cruncher_name.as_deref())
            )),
            Self::ModelJoined {
                model_id,
                model_name,
                cruncher_name,
                deployment_id,
            } => good("🔗", "Model joined").with(format!(
                "{} (deployment {deployment_id})",
                called(model_id, model_name.as_deref(), cruncher_name.as_deref())
            )),
            Self::ModelDeployed {
                model_id,
                before,
                deployment_id,
                effect,
            } => good("📦", "Model deployed anew").with(format!(
                "{model_id}: {deployment_id} after {before}; its metrics: {effect}"
            )),
            Self::ModelReplayed { model_id, took_ms } => {
                good("📼", "Model told the past").with(format!("{model_id} in {took_ms:.0} ms"))
            }
            Self::ModelFailed {
                model_id,
                code,
                cause,
            } => warning(format!("The model {model_id} failed ({code}): {cause}")),
            Self::ModelLeft {
                model_id,
                deployment_id,
                cause,
            } => good("👋", "Model left").with(format!("{model_id} ({deployment_id}): {cause}")),
            Self::ModelsChanged {
                first_seen,
                joined,
                deployed,
                replayed,
                failed,
                left,
            } => {
                let all = [
                    (first_seen, "new"),
                    (joined, "joined"),
                    (deployed, "deployed anew"),
                    (replayed, "told the past"),
                    (failed, "failed"),
                    (left, "left"),
                ];
                let some = all.iter().filter(|(count, _)| **count > 0);
                let some: Vec<_> = some
                    .map(|(count, what)| format!("{count} {what}"))
                    .collect();
                let level = if *failed > 0 {
                    Level::Warn
                } else {
                    Level::Info
                };
                good("👥", "More models")
                    .with(format!(": {}", some.join(", ")))
                    .at(level)
            }
            _ => good("", ""),
        }
    }

    fn of_the_market(&self) -> Words {
        match self {
            Self::TickTold {
                assets,
                closes,
                asked,
                succeeded,
                failed,
                timed_out,
                behind,
                took_ms,
            } => good("⏱️", "Tick told").with(format!(
                "({closes} closes of {assets} assets; {succeeded} of {asked} models took it, {failed} failed, {timed_out} were late; {behind} had missed earlier ones; {took_ms:.0} ms)"
            )),
            Self::PredictionsCollected {
                config,
                asked,
                succeeded,
                failed,
                timed_out,
                absent,
                took_ms,
                ..
            } => {
                let level = if *asked > 0 && *succeeded == 0 {
                    Level::Warn
                } else {
                    Level::Info
                };
                good("🎯", "Predictions collected")
                    .with(format!(
                        "{config}: {succeeded} of {asked} models answered, {failed} failed, {timed_out} were late, {absent} absent; {took_ms:.0} ms"
                    ))
                    .at(level)
            }
            Self::RoundsMissed {
                config,
                rounds,
                cause,
            } => warning(format!("{rounds} rounds of {config} were not made: {cause}")),
            Self::PricesEnded { closes } => {
                good("🏁", "The prices have come to their end").with(format!("({closes} closes)"))
            }
            _ => good("", ""),
        }
    }

    fn of_the_store(&self) -> Words {
        match self {
            Self::StoreUnavailable {
                database,
                cause,
                waiting,
                bytes,
            } => warning(format!(
                "{database} can't be written: {cause}; nothing is lost: {waiting} facts ({} MiB) wait on disk and go in when it is back",
                bytes >> 20
            )),
            Self::StoreCaughtUp {
                database,
                stored,
                seconds,
            } => good("💾", "The database is back").with(format!(
                "({database} was away for {}; {stored} facts that waited are stored)",
                span(i64::try_from(*seconds).unwrap_or(i64::MAX))
            )),
            Self::StoreOverflow { lost, lost_in_all } => super::phrase::bad(format!(
                "The outbox is full: the oldest {lost} facts are lost, {lost_in_all} in all; bring the database back, or give predict.outbox_mib more room"
            )),
            Self::PredictionsPruned { removed } => {
                good("🧹", "Old predictions removed").with(format!("({removed})"))
            }
            _ => good("", ""),
        }
    }

    fn of_the_share(&self) -> Words {
        match self {
            Self::ShareJoined {
                worker,
                workers,
                models,
            } => good("🤝", "Sharing the models").with(format!(
                "({models} models, {workers} workers; this one is {worker})"
            )),
            Self::WorkersChanged {
                joined,
                left,
                workers,
            } => {
                let some = [("joined", joined), ("left", left)];
                let some = some.iter().filter(|(_, names)| !names.is_empty());
                let some = some.map(|(what, names)| format!("{} {what}", names.join(", ")));
                let some: Vec<_> = some.collect();
                good("🤝", "Other workers")
                    .with(format!(": {}; {workers} share the models", some.join(", ")))
            }
            Self::ModelsTakenOver {
                models,
                ids,
                share,
                workers,
            } => good("📥", "Models taken over").with(format!(
                ": {models} ({}); now {share}, {workers} workers",
                few(*models, ids)
            )),
            Self::ModelsHandedOver {
                models,
                ids,
                share,
                workers,
            } => good("📤", "Models handed over").with(format!(
                ": {models} ({}); now {share}, {workers} workers",
                few(*models, ids)
            )),
            Self::ShareFenced { models, cause } => warning(format!(
                "None of the {models} models is called any more, as others may take them over: the leases can't be renewed ({cause}); check the database and the way to it"
            )),
            Self::ShareResumed { models, seconds } => good("▶️", "Models are called again")
                .with(format!("({models}, after {})", span(seconds.cast_signed()))),
            _ => good("", ""),
        }
    }
}

/// Some ids, and whether there are more.
fn few(models: usize, ids: &[String]) -> String {
    let more = if models > ids.len() { ", …" } else { "" };
    format!("{}{more}", ids.join(", "))
}

fn called(id: &str, name: Option<&str>, owner: Option<&str>) -> String {
    match (name, owner) {
        (Some(name), Some(owner)) => format!("{id} ({name} of {owner})"),
        (Some(name), None) => format!("{id} ({name})"),
        (None, Some(owner)) => format!("{id} (of {owner})"),
        (None, None) => id.to_owned(),
    }
}

#[cfg(test)]
#[path = "predict_words_tests.rs"]
mod tests;
