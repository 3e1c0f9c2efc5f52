//! The Predict worker: tells a network of models what the market does, asks them what will come of it,
//! and stores what they answer.
//!
//! Prices come from a [`Feed`] into the [`Book`], which holds the last days. Each new batch is told to
//! all models as a tick; a model that knows nothing is told the whole book first. Schedules call for
//! rounds of predictions. What is to be kept becomes a [`Fact`], goes through the outbox on disk, and
//! from there into the database; nobody who calls models waits for that.

mod asking;
mod config;
mod configs;
mod entry;
mod fact;
mod library;
mod news;
mod ports;
mod presence;
mod roll;
mod round;
#[cfg(test)]
mod scene;
mod schedule;
mod shape;

pub use self::{
    asking::{Asking, AskingParts},
    config::{AnswerShape, PredictConfig, ScheduleConfig},
    configs::Scope,
    fact::Fact,
    ports::{Attendance, Facts, Quotes},
    presence::StoreWatch,
    roll::Roll,
};
