//! What is known of a Predict worker as metrics. All is read when it is asked for: rounds pay nothing.

use std::fmt;

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};
use time::OffsetDateTime;

use super::{
    facts::{Faring, Rounds},
    ready::Reason,
};
use crate::vitals::{
    sheet::{Labels, Sheet, flag, seconds, text_of},
    usage::Usage,
};

/// What every metric's name begins with.
const PREFIX: &str = "allora_predict";

/// All metrics at a time, as text.
pub(super) fn render(faring: Faring, now: OffsetDateTime) -> String {
    let usage = Usage::now();
    text_of(PREFIX, Reading { faring, now, usage })
}

struct Reading {
    faring: Faring,
    now: OffsetDateTime,
    usage: Usage,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet(encoder);
        self.process(&mut sheet)?;
        self.models(&mut sheet)?;
        self.rounds(&mut sheet)?;
        self.store(&mut sheet)
    }
}

impl Reading {
    fn process(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let faring = &self.faring;
        let build = vec![
            ("version", faring.version.clone()),
            ("crunch", faring.crunch.clone()),
        ];
        let row = std::iter::once((build, Some(1.0)));
        to.gauges("build_info", "What runs here, always 1", row)?;
        let started = seconds(faring.started);
        to.gauge("start_timestamp_seconds", "When the process began", started)?;
        to.phase(faring.phase)?;
        let hindrances = faring.hindrances(self.now);
        let ready = Some(flag(hindrances.is_empty()));
        let help = "1 when a round could be made and stored now";
        to.gauge("ready", help, ready)?;
        let reasons = Reason::ALL.iter().map(|reason| {
            let is = hindrances.iter().any(|it| it.reason == *reason);
            (vec![("reason", reason.name().to_owned())], Some(flag(is)))
        });
        to.gauges("not_ready", "1 for what stands in the way", reasons)?;
        let troubles = faring.troubles as f64;
        to.counter("troubles", "Warnings and failures that were told", troubles)?;
        let stuck = Some(faring.stuck.len() as f64);
        to.gauge("stuck_tasks", "Tasks without a sign of life", stuck)?;
        to.usage(&self.usage)
    }

    fn models(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let (models, ticks) = (&self.faring.models, &self.faring.ticks);
        let counted = |count: usize| models.are_counted.then_some(count as f64);
        let help = "Models of the crunch that were ever seen";
        to.gauge("models_known", help, counted(models.known))?;
        let listed = models.listed.map(|it| it as f64);
        let help = "Models that the orchestrator runs, whoever calls them";
        to.gauge("models_listed", help, listed)?;
        let help = "Models that this worker can call";
        to.gauge("models_callable", help, counted(models.callable))?;
        let answering = (ticks.told > 0).then_some(ticks.took as f64);
        let help = "Models that took the newest tick";
        to.gauge("models_answering", help, answering)?;
        to.counter("ticks", "Ticks that models were told", ticks.told as f64)?;
        to.counter("closes", "Closes in them", ticks.closes as f64)?;
        let answers = ticks.answers.by_status().into_iter().take(3);
        let answers = answers.map(|(status, count)| (vec![("status", status.to_owned())], count));
        to.counters("tick_answers", "What models made of ticks", answers)?;
        let newest = seconds(ticks.newest);
        to.gauge("tick_timestamp_seconds", "The newest tick's end", newest)?;
        let help = "From a tick's call to its last answer";
        to.histogram("tick_seconds", help, &ticks.times)?;
        let share = self.faring.share.as_ref();
        let workers = share.map(|it| it.workers as f64);
        let help = "Workers that share the models; absent where nothing is shared";
        to.gauge("share_workers", help, workers)?;
        let fenced = share.map(|it| flag(it.fenced.is_some()));
        let help = "1 while this worker may call no model, for want of leases";
        to.gauge("share_fenced", help, fenced)
    }

    fn rounds(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let rounds = || self.faring.rounds.iter();
        let made = rounds().map(|(name, it)| (config(name), it.made));
        to.counters("rounds", "Rounds of predictions that are complete", made)?;
        let missed = rounds().map(|(name, it)| (config(name), it.missed));
        to.counters("rounds_missed", "Rounds that were not made", missed)?;
        let answers = |(name, it): (&String, &Rounds)| {
            let name = name.clone();
            it.predictions.by_status().map(|(status, count)| {
                let status = ("status", status.to_owned());
                (vec![("config", name.clone()), status], count)
            })
        };
        let predictions = rounds().flat_map(answers);
        to.counters("predictions", "Predictions by status", predictions)?;
        let newest = rounds().map(|(name, it)| (config(name), seconds(it.newest)));
        let help = "When the newest round was complete";
        to.gauges("round_timestamp_seconds", help, newest)?;
        let help = "From a round's call to its last answer";
        to.histogram("round_seconds", help, &self.faring.round_times)
    }

    fn store(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let store = &self.faring.store;
        let away = Some(flag(store.away.is_some()));
        to.gauge("database_away", "1 while it can't be written", away)?;
        let failures = store.failures as f64;
        to.counter("database_failures", "Writes to it that failed", failures)?;
        let waiting = Some(store.waiting as f64);
        let help = "Facts that waited on disk at its newest failure";
        to.gauge("facts_waiting", help, waiting)?;
        let lost = store.lost as f64;
        to.counter("facts_lost", "Facts lost for want of disk", lost)
    }
}

fn config(name: &str) -> Labels {
    vec![("config", name.to_owned())]
}
