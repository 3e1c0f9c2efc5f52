//! A reporter's memory, for tests of the rooms that report.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Event;

/// The events that a recording reporter took.
#[derive(Clone, Debug)]
pub struct Recording {
    events: Arc<Mutex<Vec<Event>>>,
    count: watch::Sender<usize>,
}

impl Recording {
    pub(super) fn new() -> Self {
        Self {
            events: Arc::default(),
            count: watch::Sender::new(0),
        }
    }

    pub(super) fn take(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        self.count.send_replace(events.len());
    }

    /// All events so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.clone()
    }

    /// The number of events so far that fit.
    #[must_use]
    pub fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.events().iter().filter(|event| fits(event)).count()
    }

    /// Waits for the first event that fits, among those past and to come. Without bound: wrap it
    /// into `tokio::time::timeout`.
    pub async fn wait_for(&self, fits: impl Fn(&Event) -> bool) -> Event {
        self.wait_for_nth(1, fits).await
    }

    /// Waits for the n-th event that fits (the first is 1), among those past and to come.
    pub async fn wait_for_nth(&self, nth: usize, fits: impl Fn(&Event) -> bool) -> Event {
        let mut count = self.count.subscribe();
        loop {
            count.mark_unchanged();
            let mut fitting = self.events().into_iter().filter(|event| fits(event));
            if let Some(event) = fitting.nth(nth.saturating_sub(1)) {
                return event;
            }
            // The sender is ours, so the channel can't close.
            let _ = count.changed().await;
        }
    }
}
