//! How a worker fares and has fared, from its files and its database alone: it need not run. One struct
//! for the table, the JSON, the dashboard and the page; whoever shows it computes nothing.

mod earned;
mod gather;
mod judge;
mod money;
mod process;
mod topics;
mod types;

pub use gather::{Desk, Look, Plan};
pub use types::{
    Advice, Chances, Fees, Goals, Latency, Life, Money, Period, Process, Severity, Spans, State,
    Status, TopicStatus, Uptimes,
};

#[cfg(test)]
mod tests;
