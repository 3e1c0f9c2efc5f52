//! An endpoint that failed, or rests: one task probes it until it is well again.

use std::sync::{Arc, Weak};

use tokio::time::{Instant, sleep_until};

use super::{
    endpoint::Endpoint,
    health::{Health, hold, jitter},
    notice::Notice,
};

impl Endpoint {
    /// It failed: it is looked after from here on, if nobody does yet.
    pub(super) fn tended(&self) {
        if std::mem::replace(&mut hold(&self.health).is_tended, true) {
            return;
        }
        tokio::spawn(tend(Weak::clone(&self.me)));
    }

    /// All endpoints are needed soon: one that rests is probed now, unless it asked for more time.
    pub(super) fn hurry(&self) {
        if hold(&self.health).breaker.hurry(Instant::now()) {
            self.hurried.notify_one();
        }
    }

    /// Takes note of an answer that counts.
    pub(super) fn is_well(&self) {
        let lasted = hold(&self.health).is_well();
        if let Some(after) = lasted {
            let endpoint = self.name.clone();
            self.shared.tell(Notice::Well { endpoint, after });
        }
    }

    /// The operator knows that it has trouble.
    pub(super) fn was_told(&self) {
        let now = Instant::now();
        hold(&self.health).told.trouble(now, now);
    }

    async fn probe(self: Arc<Self>) {
        let asked = Arc::clone(&self);
        // How it went is in its health; a probe that panics has failed.
        let _joined = tokio::spawn(async move { asked.status().await.map(|_| ()) }).await;
        let now = Instant::now();
        let mut health = hold(&self.health);
        health.breaker.probed(now, self.shared.rest(), jitter());
        let Some(since) = health.breaker.open_for(now) else {
            return;
        };
        // That it is of another chain was told at once.
        if !health.is_shut_out && health.told.trouble(now, now - since) {
            let cause = self.lasting(&health);
            drop(health);
            let endpoint = self.name.clone();
            self.shared.tell(Notice::Trouble { endpoint, cause });
        }
    }

    fn lasting(&self, health: &Health) -> String {
        let cause = health.last_error.as_deref().unwrap_or("it does not answer");
        let next = if self.shared.has_others {
            "the other endpoints are asked in its place until it is well: check it, or name another one (rpc, or --rpc)"
        } else {
            "there is no other endpoint: name a second one (rpc, or --rpc)"
        };
        format!("{cause}; {next}")
    }
}

/// Probes an endpoint after each pause, until it is well or gone.
async fn tend(of: Weak<Endpoint>) {
    loop {
        let Some(endpoint) = of.upgrade() else { return };
        let hurried = Arc::clone(&endpoint.hurried);
        let due = {
            let mut health = hold(&endpoint.health);
            let Some(due) = health.breaker.due() else {
                health.is_tended = false;
                return;
            };
            due
        };
        drop(endpoint);
        tokio::select! {
            () = sleep_until(due) => {}
            () = hurried.notified() => {}
        }
        let Some(endpoint) = of.upgrade() else { return };
        let is_due = hold(&endpoint.health).breaker.begin_probe(Instant::now());
        if is_due {
            endpoint.probe().await;
        }
    }
}
