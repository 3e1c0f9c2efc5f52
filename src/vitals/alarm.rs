//! The vitals' way to the alerts.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{Vitals, file};
use crate::{
    alerts::{
        AlertsConfig, Bell, Condition, Courier, Kept, Message, Tally, Target, Who, conditions,
        killed,
    },
    ops::{Mask, Phase, Reporter},
};

/// Messages on their way to the courier.
const QUEUE: usize = 64;
/// How long a worker has to be ready until it knows how it fares.
const SETTLED: time::Duration = time::Duration::seconds(5);
/// The most that is read of what an earlier run kept.
const LARGEST: usize = 1 << 20;
/// Beyond the courier's own last words.
const GRACE: Duration = Duration::from_millis(300);

/// What alerts need.
pub struct AlarmParts {
    /// `[alerts]`
    pub config: AlertsConfig,
    /// The webhook.
    pub url: SecretString,
    /// Where it is kept what was told.
    pub path: PathBuf,
}

/// Looks at the vitals and has told what is worth it.
pub(super) struct Alarm {
    config: AlertsConfig,
    path: PathBuf,
    bell: Bell,
    messages: mpsc::Sender<(Message, Who)>,
    tally: Tally,
    killed: Option<Condition>,
    ends: oneshot::Sender<()>,
    courier: JoinHandle<()>,
}

impl Alarm {
    /// `left` is what an earlier run wrote last of its vitals.
    pub(super) fn begin(
        parts: AlarmParts,
        left: Option<&Vitals>,
        mask: Arc<Mask>,
        reporter: Reporter,
    ) -> Self {
        let AlarmParts { config, url, path } = parts;
        let kept = crate::limits::read_text(&path, LARGEST).ok();
        let kept = kept.and_then(|text| serde_json::from_str::<Kept>(&text).ok());
        let (messages, carried) = mpsc::channel(QUEUE);
        let (ends, end) = oneshot::channel();
        let tally = Tally::default();
        let courier = Courier {
            target: Target {
                url,
                form: config.form,
                chat_id: config.chat_id.clone(),
            },
            reporter,
            mask,
            tally: tally.clone(),
        };
        let killed = left.and_then(killed);
        Self {
            killed: killed.filter(|it| config.on.contains(&it.kind)),
            bell: Bell::new(config.clone(), kept.unwrap_or_default()),
            config,
            path,
            messages,
            tally,
            ends,
            courier: tokio::spawn(courier.run(carried, end)),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Has told what is to be told at this time.
    pub(super) fn look(&mut self, vitals: &Vitals, now: OffsetDateTime) {
        let process = &vitals.process;
        let is_ready = process.phase == Some(Phase::Ready);
        let is_settled = is_ready && process.since.0.is_some_and(|at| now - at >= SETTLED);
        if is_settled {
            self.killed = None;
        }
        let mut all = conditions(vitals, &self.config, now);
        all.extend(self.killed.clone());
        let before = self.bell.kept().clone();
        let who = Who {
            network: process.network.clone(),
            address: process.address.clone(),
        };
        for message in self.bell.ring(&all, is_settled, now) {
            // A full queue is a webhook that has been down for long.
            let _ = self.messages.try_send((message, who.clone()));
        }
        if before != *self.bell.kept()
            && let Ok(text) = serde_json::to_string(self.bell.kept())
        {
            // Without it an alert may be told once more.
            let _ = file::write(&self.path, &text);
        }
    }

    /// Gives the last messages their chance.
    pub(super) async fn end(self) {
        drop(self.messages);
        let _ = self.ends.send(());
        let bound = crate::alerts::LAST_WORDS + GRACE;
        let _late = timeout(bound, self.courier).await;
    }
}
