//! Where the desk's forecasts are picked up: for a window, in time, whatever happens.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, watch},
    time::{Instant, timeout_at},
};

use super::{
    Fallback, Forecast, History, Labels, LiveFuses, Source, Target,
    outside::{Inquiry, Post, outside},
    slot::for_topic,
    trainer::Trainer,
};
use crate::types::{Nonce, TopicId, WindowKey};

/// Where forecasts are picked up. Clones share one desk; it works while the desk runs and without.
#[derive(Clone)]
pub struct DeskHandle {
    pub(super) trainer: Arc<Trainer>,
    /// The topics that have a forecaster outside the process.
    pub(super) posts: Arc<BTreeMap<TopicId, Arc<Post>>>,
}

impl fmt::Debug for DeskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskHandle")
            .field("topics", &self.trainer)
            .field("outside", &self.posts.keys())
            .finish()
    }
}

impl DeskHandle {
    /// The newest forecast that was made, however old; none for a topic that the desk does not have.
    #[must_use]
    pub fn latest(&self, topic: TopicId) -> Option<Arc<Forecast>> {
        if let Some(post) = self.posts.get(&topic)
            && let Some(outcome) = post.latest()
        {
            return Some(outcome.unwrap_or_else(|reason| self.stand_in(post, reason)));
        }
        Some(for_topic(topic, self.trainer.slot(topic)?.latest()))
    }

    /// The newest forecast for a window if it was made with the newest candles known, and these are
    /// not older than `max_age`. Where a forecaster outside the process answers, it must have been
    /// asked for this very window.
    #[must_use]
    pub fn fresh(&self, key: WindowKey) -> Option<Arc<Forecast>> {
        let WindowKey { topic, nonce } = key;
        let Some(post) = self.posts.get(&topic) else {
            return self.trainer.fresh(topic);
        };
        if self.trainer.is_switched_off() {
            return Some(self.stand_in(post, Fallback::SwitchedOff));
        }
        match post.outcome(Some(nonce))? {
            Ok(forecast) => Some(forecast),
            Err(reason) if post.labels().is_some() => Some(self.stand_in(post, reason)),
            Err(reason) => Some(excused(&self.trainer.fresh(topic)?, reason)),
        }
    }

    /// A forecast for a window within `deadline` and `train_deadline`, or a longer time limit of the
    /// forecaster outside the process, whatever happens: the fresh one, else one made now, else the last
    /// one if its candles are not too old, else no change with its reason.
    pub async fn within(&self, key: WindowKey, deadline: Duration) -> Arc<Forecast> {
        if let Some(fresh) = self.fresh(key) {
            return fresh;
        }
        let end = Instant::now() + self.patience(key.topic).min(deadline);
        match self.posts.get(&key.topic) {
            Some(post) => self.asked(post, Some(key.nonce), end).await,
            None => self.trained(key.topic, end).await,
        }
    }

    fn patience(&self, topic: TopicId) -> Duration {
        let training = self.trainer.patience();
        self.lead(topic)
            .map_or(training, |limit| limit.max(training))
    }

    /// A topic's forecast outside of any window, within `deadline`.
    pub async fn now(&self, topic: TopicId, deadline: Duration) -> Arc<Forecast> {
        let end = Instant::now() + deadline;
        match self.posts.get(&topic) {
            Some(post) if self.trainer.is_switched_off() => {
                self.stand_in(post, Fallback::SwitchedOff)
            }
            Some(post) => self.asked(post, None, end).await,
            None => self.trained(topic, end).await,
        }
    }

    /// Has the forecaster outside the process asked for a window that will open soon, once for each
    /// newer candle, and for each edition of what it knows. Nothing happens for other topics. Waits for nothing.
    pub fn prepare(&self, key: WindowKey) {
        self.correspond(key, false);
    }

    /// As [`DeskHandle::prepare`], and once more if the forecaster has failed for this window: what kept
    /// it from answering may have passed. What stands in for it stands until it answers.
    pub fn prepare_again(&self, key: WindowKey) {
        self.correspond(key, true);
    }

    /// Tells that a window opens, or is expected, at another block than was foretold: a forecaster
    /// outside the process that was asked for the one goes on for the other.
    pub fn rename(&self, from: WindowKey, to: Nonce) {
        if let Some(post) = self.posts.get(&from.topic) {
            post.rename(from.nonce, to);
        }
    }

    fn correspond(&self, key: WindowKey, again: bool) {
        if let Some(post) = self.posts.get(&key.topic)
            && !self.trainer.is_switched_off()
        {
            drop(self.ask(post, Some(key.nonce), again));
        }
    }

    /// How long before a window its forecaster outside the process has to be asked; none without one.
    #[must_use]
    pub fn lead(&self, topic: TopicId) -> Option<Duration> {
        Some(self.posts.get(&topic)?.outside.time_limit)
    }

    /// The labels that the operator chose for a topic with a forecaster outside the process; none where
    /// it can't answer several.
    #[must_use]
    pub fn chosen_labels(&self, topic: TopicId) -> Option<&[String]> {
        let outside = &self.posts.get(&topic)?.outside;
        let is_number = matches!(outside.source, Source::Models | Source::Blend);
        (!is_number).then_some(&outside.labels)
    }

    /// Tells what the chain says of a topic's outputs: its labels, or none for a single number. Only
    /// topics with a forecaster outside the process have use for it.
    pub fn declare(&self, topic: TopicId, labels: Option<Labels>) {
        if let Some(post) = self.posts.get(&topic) {
            post.declare(labels);
        }
    }

    /// Holds built-in forecasts back by what was really submitted: each that is made from here on. To be
    /// called once; a second call changes nothing.
    pub fn follow(&self, fuses: watch::Receiver<LiveFuses>) {
        self.trainer.follow(fuses);
    }

    /// The candles that a topic is forecast from; none for a topic that the desk does not have.
    #[must_use]
    pub fn history(&self, topic: TopicId) -> Option<watch::Receiver<History>> {
        Some(self.trainer.slot(topic)?.changes())
    }

    /// Tells each forecast as it is made. A listener that falls behind gets `Lagged` and should read
    /// [`DeskHandle::latest`].
    #[must_use]
    pub fn prepared(&self) -> broadcast::Receiver<Arc<Forecast>> {
        self.trainer.prepared()
    }

    /// Starts a question, or joins the one that is under way.
    fn ask(&self, post: &Arc<Post>, nonce: Option<Nonce>, again: bool) -> Inquiry {
        let (desk, about) = (self.clone(), Arc::clone(post));
        let slot = self.trainer.slot(post.spec.topic);
        let live = slot.and_then(|slot| self.trainer.live(slot));
        post.ask(nonce, again, live, move |outcome| {
            let forecast = outcome.clone();
            let forecast = forecast.unwrap_or_else(|reason| desk.stand_in(&about, reason));
            desk.trainer.tell(forecast);
        })
    }

    /// The answer of the forecaster outside, or what stands in for it.
    async fn asked(&self, post: &Arc<Post>, nonce: Option<Nonce>, end: Instant) -> Arc<Forecast> {
        let topic = post.spec.topic;
        // What would stand in is made meanwhile.
        if let Some(slot) = self.trainer.slot(topic)
            && post.labels().is_none()
            && self.trainer.fresh(topic).is_none()
        {
            drop(self.trainer.train(slot));
        }
        let reason = match timeout_at(end, self.ask(post, nonce, false)).await {
            Ok(Ok(forecast)) => return forecast,
            Ok(Err(reason)) => reason,
            Err(_) => outside("it has not answered in time"),
        };
        if post.labels().is_some() {
            return self.stand_in(post, reason);
        }
        excused(&self.trained(topic, end).await, reason)
    }

    /// The built-in forecast.
    async fn trained(&self, topic: TopicId, end: Instant) -> Arc<Forecast> {
        if let Some(fresh) = self.trainer.fresh(topic) {
            return fresh;
        }
        let Some(slot) = self.trainer.slot(topic) else {
            let detail = "the topic is not configured".to_owned();
            let reason = Fallback::Unfit { detail };
            // What it asks for is not known either; 0.0 is as good as any.
            let (target, history) = (Target::LogReturn, History::default());
            return Arc::new(self.trainer.fallback(topic, target, &history, reason));
        };
        let training = self.trainer.train(slot);
        let forecast = match timeout_at(end, training).await {
            Ok(forecast) => forecast,
            Err(_) => self.trainer.last_or(slot, Fallback::Late),
        };
        for_topic(topic, forecast)
    }

    /// What stands in for the forecaster outside, as things are.
    fn stand_in(&self, post: &Post, reason: Fallback) -> Arc<Forecast> {
        if let Some(labels) = post.labels() {
            let switched_off = self.trainer.is_switched_off();
            let forecast = if switched_off {
                post.neutral(labels, reason, self.trainer.terms().1.now())
            } else {
                post.labelled_stand_in(labels, reason)
            };
            return Arc::new(forecast);
        }
        let topic = post.spec.topic;
        let built_in = self.trainer.fresh(topic);
        let built_in = built_in.or_else(|| {
            let slot = self.trainer.slot(topic)?;
            Some(for_topic(topic, self.trainer.last_or(slot, Fallback::Late)))
        });
        let none = || {
            let (target, history) = (post.spec.target, post.history());
            let late = Fallback::Late;
            Arc::new(self.trainer.fallback(topic, target, &history, late))
        };
        excused(&built_in.unwrap_or_else(none), reason)
    }
}

/// A built-in forecast with the reason why it stands in for another.
fn excused(built_in: &Arc<Forecast>, reason: Fallback) -> Arc<Forecast> {
    let reason = match (&built_in.fallback, reason) {
        (Some(Fallback::SwitchedOff), _) => Fallback::SwitchedOff,
        (Some(why @ Fallback::NoPrice { .. }), Fallback::SwitchedOff) => why.clone(),
        (Some(why), Fallback::Outside { detail }) => {
            outside(format!("{detail}; and for the built-in forecast {why}"))
        }
        (Some(why @ Fallback::NoPrice { .. }), reason) => outside(format!("{reason}; and {why}")),
        (_, reason @ Fallback::Outside { .. }) => reason,
        (_, reason) => outside(reason.to_string()),
    };
    Arc::new(Forecast {
        fallback: Some(reason),
        ..built_in.as_ref().clone()
    })
}
