//! One model on the roll.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::Fact;
use crate::{
    models::ModelInfo,
    ops::PredictEvent,
    store::{Deployment, DeploymentEffect, ModelRecord},
};

/// What is known of a model.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: ModelRecord,
    pub(super) is_connected: bool,
    /// Whether a fact of it was put, by this process or the one before.
    pub(super) is_put: bool,
    /// Whether it was seen since.
    pub(super) is_changed: bool,
    /// When its deployment last answered this process.
    pub(super) answered: Option<OffsetDateTime>,
    /// When an earlier process last saw its deployment.
    pub(super) before: Option<OffsetDateTime>,
    /// The deployments of it that were seen while the database had not told what it knows; none once
    /// it has.
    unverified: Option<Vec<String>>,
}

impl Entry {
    /// A model of which an earlier process wrote.
    pub(super) fn known(record: ModelRecord) -> Self {
        Self {
            before: Some(record.last_seen),
            record,
            is_connected: false,
            is_put: true,
            is_changed: false,
            answered: None,
            unverified: None,
        }
    }

    /// A model that this process sees for the first time.
    pub(super) fn new(
        crunch_id: &str,
        model: &ModelInfo,
        now: OffsetDateTime,
        is_loaded: bool,
    ) -> Self {
        let deployment_id = plain(&model.deployment_id).into_owned();
        let unverified = (!is_loaded).then(|| vec![deployment_id.clone()]);
        let mut entry = Self {
            record: ModelRecord {
                crunch_id: crunch_id.to_owned(),
                model_id: plain(&model.model_id).into_owned(),
                model_name: None,
                cruncher_id: None,
                cruncher_name: None,
                deployment_id,
                first_seen: now,
                last_seen: now,
                // A stored time only ever becomes later, and there may be an earlier one.
                metrics_since: if is_loaded {
                    now
                } else {
                    OffsetDateTime::UNIX_EPOCH
                },
            },
            is_connected: true,
            is_put: false,
            is_changed: true,
            answered: None,
            before: None,
            unverified,
        };
        entry.name(model);
        entry
    }

    pub(super) fn seen(&mut self, now: OffsetDateTime) {
        if now > self.record.last_seen {
            self.record.last_seen = now;
            self.is_changed = true;
        }
    }

    /// Takes names over. Gives whether one has changed; one that is missing now is one that has.
    pub(super) fn name(&mut self, model: &ModelInfo) -> bool {
        let own = |text: &Option<String>| text.as_deref().map(|text| plain(text).into_owned());
        let names = (
            own(&model.model_name),
            own(&model.cruncher_id),
            own(&model.cruncher_name),
        );
        let record = &mut self.record;
        let is_same = names.0 == record.model_name
            && names.1 == record.cruncher_id
            && names.2 == record.cruncher_name;
        (record.model_name, record.cruncher_id, record.cruncher_name) = names;
        self.is_changed |= !is_same;
        !is_same
    }

    /// A deployment of it serves. Gives the change, when it is another than before.
    pub(super) fn serve(
        &mut self,
        model: &ModelInfo,
        now: OffsetDateTime,
        effect: DeploymentEffect,
    ) -> Option<Deployment> {
        self.is_connected = true;
        self.seen(now);
        let deployment_id = plain(&model.deployment_id).into_owned();
        if deployment_id == self.record.deployment_id {
            return None;
        }
        let before = std::mem::replace(&mut self.record.deployment_id, deployment_id.clone());
        if let Some(seen) = &mut self.unverified {
            seen.push(deployment_id.clone());
        }
        (self.answered, self.before) = (None, None);
        self.is_changed = true;
        Some(self.changed(before, deployment_id, now, effect))
    }

    /// The database tells what it knows of it. Gives a change of its deployment that came about while
    /// nobody looked.
    pub(super) fn learn(
        &mut self,
        stored: &ModelRecord,
        effect: DeploymentEffect,
    ) -> Option<Deployment> {
        let record = &mut self.record;
        let is_own = stored.first_seen == record.first_seen;
        let at = record.first_seen;
        record.first_seen = record.first_seen.min(stored.first_seen);
        record.metrics_since = record.metrics_since.max(stored.metrics_since);
        record.last_seen = record.last_seen.max(stored.last_seen);
        if is_own && self.unverified.is_some() {
            // This process's own word came back.
            return None;
        }
        self.is_put = true;
        self.is_changed = true;
        let seen = self.unverified.take()?;
        if seen.contains(&stored.deployment_id) {
            if self.record.deployment_id == stored.deployment_id {
                self.before = Some(stored.last_seen);
            }
            return None;
        }
        let first = seen.into_iter().next()?;
        Some(self.changed(stored.deployment_id.clone(), first, at, effect))
    }

    /// The database tells what another worker has written of it, which called it meanwhile.
    pub(super) fn catch_up(&mut self, stored: ModelRecord) {
        if self.is_connected || self.unverified.is_some() {
            return;
        }
        let last = self.answered.max(self.before);
        let record = &mut self.record;
        let is_same = stored.deployment_id == record.deployment_id;
        let (first_seen, metrics_since) = (record.first_seen, record.metrics_since);
        if stored.last_seen < record.last_seen {
            return;
        }
        *record = stored;
        record.first_seen = record.first_seen.min(first_seen);
        record.metrics_since = record.metrics_since.max(metrics_since);
        self.before = Some(record.last_seen).max(last.filter(|_| is_same));
        self.answered = None;
        (self.is_put, self.is_changed) = (true, false);
    }

    /// That it was there says nothing of what it was told.
    pub(super) const fn lacks_the_past(&mut self) {
        (self.answered, self.before) = (None, None);
    }

    /// The database knows no more than it told. Gives whether the model is new.
    pub(super) fn settle(&mut self) -> bool {
        let is_new = self.unverified.take().is_some();
        if is_new {
            self.record.metrics_since = self.record.metrics_since.max(self.record.first_seen);
        }
        is_new
    }

    fn changed(
        &mut self,
        before: String,
        deployment_id: String,
        at: OffsetDateTime,
        effect: DeploymentEffect,
    ) -> Deployment {
        let record = &mut self.record;
        if effect == DeploymentEffect::Reset {
            record.metrics_since = record.metrics_since.max(at);
        }
        Deployment {
            crunch_id: record.crunch_id.clone(),
            model_id: record.model_id.clone(),
            before,
            deployment_id,
            at,
            effect,
        }
    }

    /// The model as it is now, as a fact.
    pub(super) fn put(&mut self) -> Fact {
        self.is_put = true;
        self.is_changed = false;
        Fact::Model(self.record.clone())
    }

    pub(super) fn first_seen(&self) -> PredictEvent {
        let record = &self.record;
        PredictEvent::ModelFirstSeen {
            model_id: record.model_id.clone(),
            model_name: record.model_name.clone(),
            cruncher_name: record.cruncher_name.clone(),
            deployment_id: record.deployment_id.clone(),
        }
    }

    pub(super) fn deployed(deployment: &Deployment) -> PredictEvent {
        let effect = match deployment.effect {
            DeploymentEffect::Keep => "keep",
            DeploymentEffect::Reset => "reset",
        };
        PredictEvent::ModelDeployed {
            model_id: deployment.model_id.clone(),
            before: deployment.before.clone(),
            deployment_id: deployment.deployment_id.clone(),
            effect: effect.to_owned(),
        }
    }
}

/// Text that every database takes: PostgreSQL's knows no NUL, and one in a batch would spoil it.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
