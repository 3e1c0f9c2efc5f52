//! Where others listen to what is told: the vitals, the metrics, the alerts.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::broadcast::{self, Receiver, Sender};

use super::Event;

/// Events that wait for a slow listener; it loses the oldest beyond them, and is told how many.
const QUEUE: usize = 1_024;

/// An event with its time, in UTC by the reporter's clock.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// When it was told.
    pub at: OffsetDateTime,
    /// What was told.
    pub event: Event,
}

/// Hands each event to all who listen. Cheap to clone; never blocks, and does nothing without listeners.
#[derive(Clone, Debug)]
pub struct Tap(Sender<Arc<Stamped>>);

impl Default for Tap {
    fn default() -> Self {
        Self(broadcast::channel(QUEUE).0)
    }
}

impl Tap {
    /// Everything that is told from now on.
    #[must_use]
    pub fn listen(&self) -> Receiver<Arc<Stamped>> {
        self.0.subscribe()
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn tell(&self, stamped: &Arc<Stamped>) {
        if self.is_heard() {
            // The last listener may have just left.
            let _ = self.0.send(Arc::clone(stamped));
        }
    }
}
