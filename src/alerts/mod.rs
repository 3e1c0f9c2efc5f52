//! Alerts by webhook: what a person should know of without looking.
//!
//! Conditions are judged from the [`Vitals`](crate::vitals::Vitals), each is told once until it clears, and a
//! courier delivers. Nothing here is on the path of a submission.

mod alarm;
mod bell;
mod conditions;
mod config;
mod courier;
mod message;
#[cfg(test)]
mod tests;

pub use alarm::AlarmParts;
use bell::Bell;
pub use bell::{Kept, Rung};
pub use conditions::{Condition, conditions, killed};
pub use config::{AlertsConfig, BadAlertValue, Form, Kind};
use courier::{Courier, LAST_WORDS, Tally, Target};
pub use message::{Message, State, Who};
