//! The Predict worker: tells a network of models what the market does, asks them what will come of it,
//! and stores what they answer.
//!
//! Prices come from a [`Feed`] into the [`Book`], which holds the last days. Each new batch is told to
//! all models as a tick; a model that knows nothing is told the whole book first. Schedules call for
//! rounds of predictions. What is to be kept becomes a [`Fact`], goes through the outbox on disk, and
//! from there into the database; nobody who calls models waits for that.

mod config;
mod error;
mod fact;
mod outbox;
mod ports;

pub use self::{
    config::{AnswerShape, PredictConfig, ScheduleConfig},
    error::PredictError,
    fact::Fact,
    outbox::{Connect, Outbox, OutboxOptions, OutboxTask, Pending, Retention, Waiting},
    ports::{Attendance, Facts, Quotes},
};
