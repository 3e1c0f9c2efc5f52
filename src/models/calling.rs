//! The answers to a call, as they come.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::{ModelInfo, Outcome};

/// A call under way: a stream that gives each model's outcome when it is there, and ends after the last.
#[derive(Debug)]
pub struct Calling {
    asked: Vec<Arc<ModelInfo>>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

impl Calling {
    pub(super) const fn new(
        asked: Vec<Arc<ModelInfo>>,
        outcomes: mpsc::UnboundedReceiver<Outcome>,
    ) -> Self {
        Self { asked, outcomes }
    }

    /// The models that were called.
    #[must_use]
    pub fn asked(&self) -> &[Arc<ModelInfo>] {
        &self.asked
    }

    /// Waits for all outcomes; they are in the order in which they came.
    pub async fn all(self) -> Vec<Outcome> {
        self.collect().await
    }
}

impl Stream for Calling {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        self.outcomes.poll_recv(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.asked.len()))
    }
}
