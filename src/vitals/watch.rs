//! Whoever looks at the vitals while they are kept, as the alerts do.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::Vitals;
use crate::ops::{Mask, Reporter};

/// Begins to watch, where the vitals are kept. The first is what an earlier run wrote last of them.
pub type BeginWatch =
    Box<dyn FnOnce(Option<&Vitals>, Arc<Mask>, Reporter) -> Box<dyn Watch> + Send>;

/// What was delivered so far: kind, outcome, how often.
pub type Deliveries = Arc<dyn Fn() -> Vec<(&'static str, &'static str, u64)> + Send + Sync>;

/// Looks at the vitals each second.
#[async_trait(?Send)]
pub trait Watch {
    /// What it has delivered, for the metrics.
    fn deliveries(&self) -> Deliveries;

    /// Sees how the worker fares.
    fn look(&mut self, vitals: &Vitals, now: OffsetDateTime);

    /// Gives its last messages their chance, within seconds.
    async fn end(self: Box<Self>);
}
