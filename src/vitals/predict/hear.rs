//! Folding what a Predict worker tells into what is known of it.

use super::facts::{Answers, Faring, Models, Share};
use crate::{
    ops::{Event, GaugeEvent, Level, Phase, PredictEvent, Stamped, WatchEvent},
    vitals::{
        Moment,
        hear::{MOST, cut, obstacle},
    },
};

/// What to do about a database that is away.
const TO_THE_DATABASE: &str = "see to the database of DATABASE_URL or --database-url; rounds are made meanwhile, and what they give waits on disk";
/// What to do about leases that can't be renewed.
const TO_THE_LEASES: &str =
    "see to the database that the workers share; it calls its models again once leases are renewed";

impl Faring {
    /// Takes note of what was told.
    pub(super) fn hear(&mut self, told: &Stamped) {
        let (at, event) = (Moment::from(told.at), &told.event);
        self.hear_phase(at, event);
        match event {
            Event::Predict(event) => {
                self.hear_start(at, event);
                self.hear_market(at, event);
                self.hear_store(event);
                self.hear_share(at, event);
            }
            Event::Gauge(gauge) => self.hear_gauge(at, gauge),
            Event::Watch(WatchEvent::TaskStuck { task, .. }) if self.stuck.len() < MOST => {
                self.stuck.entry(task.clone()).or_insert(at);
            }
            Event::Watch(WatchEvent::TaskMoves { task, .. }) => {
                self.stuck.remove(task);
            }
            Event::PricesUnavailable {
                ticker,
                cause,
                remedy,
                ..
            } if self.no_prices.len() < MOST => {
                let before = self.no_prices.remove(ticker);
                let now = obstacle(before, at, cause, remedy);
                self.no_prices.insert(ticker.clone(), now);
            }
            _ => {}
        }
        let is_reading = matches!(event, Event::Gauge(_));
        if !is_reading && event.words().level != Level::Info {
            self.troubles += 1;
        }
    }

    fn hear_phase(&mut self, at: Moment, event: &Event) {
        let Some(phase) = Phase::after(self.phase, event) else {
            return;
        };
        (self.phase, self.since) = (Some(phase), at);
        let (message, remedy) = match event {
            Event::Stopped { reason } => (reason.clone(), String::new()),
            Event::Fatal { cause, remedy } => (cause.clone(), remedy.clone()),
            other => (other.message(), String::new()),
        };
        (self.message, self.remedy) = (cut(&message), cut(&remedy));
    }

    fn hear_start(&mut self, at: Moment, event: &PredictEvent) {
        if let PredictEvent::PredictStarting {
            version, crunch_id, ..
        } = event
        {
            self.started = at;
            (*version).clone_into(&mut self.version);
            self.crunch.clone_from(crunch_id);
        }
    }

    fn hear_market(&mut self, at: Moment, event: &PredictEvent) {
        match event {
            PredictEvent::TickTold {
                closes,
                asked,
                succeeded,
                failed,
                timed_out,
                took_ms,
                ..
            } => {
                let ticks = &mut self.ticks;
                ticks.told += 1;
                ticks.closes += *closes as u64;
                ticks.answers.add(*succeeded, *failed, *timed_out, 0);
                (ticks.asked, ticks.took, ticks.newest) = (*asked, *succeeded, at);
                ticks.times.note(*took_ms);
                self.no_prices.clear();
            }
            PredictEvent::PredictionsCollected {
                config,
                succeeded,
                failed,
                timed_out,
                absent,
                took_ms,
                ..
            } => {
                self.round_times.note(*took_ms);
                if let Some(rounds) = self.rounds_of(config) {
                    rounds.made += 1;
                    rounds.newest = at;
                    let predictions = &mut rounds.predictions;
                    predictions.add(*succeeded, *failed, *timed_out, *absent);
                }
            }
            PredictEvent::RoundsMissed { config, rounds, .. } => {
                if let Some(of) = self.rounds_of(config) {
                    of.missed += rounds;
                }
            }
            _ => {}
        }
    }

    fn rounds_of(&mut self, config: &str) -> Option<&mut super::facts::Rounds> {
        let has_room = self.rounds.len() < MOST || self.rounds.contains_key(config);
        has_room.then(|| self.rounds.entry(config.to_owned()).or_default())
    }

    fn hear_store(&mut self, event: &PredictEvent) {
        if let PredictEvent::StoreOverflow { lost_in_all, .. } = event {
            self.store.lost = *lost_in_all;
        }
    }

    fn hear_share(&mut self, at: Moment, event: &PredictEvent) {
        let fenced = match event {
            PredictEvent::ShareJoined { workers, .. }
            | PredictEvent::WorkersChanged { workers, .. }
            | PredictEvent::ModelsTakenOver { workers, .. }
            | PredictEvent::ModelsHandedOver { workers, .. } => {
                self.share.get_or_insert_with(Share::default).workers = *workers;
                return;
            }
            PredictEvent::ShareFenced { cause, .. } => {
                Some(obstacle(None, at, cause, TO_THE_LEASES))
            }
            PredictEvent::ShareResumed { .. } => None,
            _ => return,
        };
        self.share.get_or_insert_with(Share::default).fenced = fenced;
    }

    fn hear_gauge(&mut self, at: Moment, gauge: &GaugeEvent) {
        let store = &mut self.store;
        match gauge {
            GaugeEvent::Models {
                known,
                listed,
                callable,
                pace_seconds,
            } => {
                self.models = Models {
                    known: *known,
                    listed: *listed,
                    callable: *callable,
                    are_counted: true,
                };
                self.ticks.pace = Some(*pace_seconds);
            }
            GaugeEvent::StoreFailed { cause, waiting } => {
                store.failures += 1;
                store.waiting = *waiting;
                store.away = Some(obstacle(store.away.take(), at, cause, TO_THE_DATABASE));
            }
            GaugeEvent::StoreBack => (store.away, store.waiting) = (None, 0),
            _ => {}
        }
    }
}

impl Answers {
    fn add(&mut self, succeeded: usize, failed: usize, timed_out: usize, absent: usize) {
        self.succeeded += succeeded as u64;
        self.failed += failed as u64;
        self.timed_out += timed_out as u64;
        self.absent += absent as u64;
    }

    /// Each with its label.
    pub(super) const fn by_status(&self) -> [(&'static str, u64); 4] {
        [
            ("success", self.succeeded),
            ("failure", self.failed),
            ("timeout", self.timed_out),
            ("absent", self.absent),
        ]
    }
}
