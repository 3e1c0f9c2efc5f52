//! How the worker fares: one account of it, folded from all that it tells.
//!
//! [`Vitals`] hears the reporter's events and readings and keeps what an operator asks for, bounded in
//! size. The file `worker.vitals.json` holds it for whoever asks from outside; metrics, health and alerts
//! read the same.

mod attendant;
mod facts;
mod file;
mod hear;
mod hear_nodes;
mod hear_topics;
mod heart;
mod histogram;
mod http;
mod keeper;
mod metrics;
mod predict;
mod ready;
mod reason;
mod sheet;
#[cfg(test)]
mod tests;
mod usage;
mod watch;
pub(crate) mod web;

pub use attendant::{Attendant, PageParts, PageRoom};
pub use facts::{
    Competition, Counts, Endpoint, Fees, ForecastNow, Head, Moment, Next, Obstacle, Prices,
    Process, Record, Role, Socket, StandIn, Standby, Topic, Trouble, Vitals, Waiting, Wallet,
    Window,
};
pub use file::{VitalsError, read};
pub use histogram::{BOUNDS_MS, Histogram};
pub use keeper::{AttendantParts, Shared};
pub use predict::PredictParts;
pub use reason::{Hindrance, Limits, Reason};
pub use watch::{BeginWatch, Deliveries, Watch};
pub use web::{is_local, serve_pages};
