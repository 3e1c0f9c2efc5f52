//! From the vitals to the webhook: looked at, judged, told.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{
    AlertsConfig, Bell, Condition, Courier, Kept, LAST_WORDS, Message, Tally, Target, Who,
    conditions, killed,
};
use crate::{
    ops::{Mask, Phase, Reporter, replace_unsynced},
    vitals::{BeginWatch, Deliveries, Vitals, Watch},
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

impl AlarmParts {
    /// The alarm, for whoever keeps the vitals.
    #[must_use]
    pub fn watch(self) -> BeginWatch {
        Box::new(|left, mask, reporter| Box::new(Alarm::begin(self, left, mask, reporter)))
    }
}

/// Looks at the vitals and has told what is worth it.
struct Alarm {
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
    fn begin(
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
}

#[async_trait(?Send)]
impl Watch for Alarm {
    fn deliveries(&self) -> Deliveries {
        let tally = self.tally.clone();
        Arc::new(move || tally.show())
    }

    fn look(&mut self, vitals: &Vitals, now: OffsetDateTime) {
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
            let _ = replace_unsynced(&self.path, text.as_bytes());
        }
    }

    async fn end(self: Box<Self>) {
        drop(self.messages);
        let _ = self.ends.send(());
        let _late = timeout(LAST_WORDS + GRACE, self.courier).await;
    }
}
