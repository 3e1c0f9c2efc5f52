//! The Predict worker: tells a network of models what the market does, asks them what will come of it,
//! and stores what they answer.
//!
//! Prices come from a [`Feed`] into the [`Book`], which holds the last days. Each new batch is told to
//! all models as a tick; a model that knows nothing is told the whole book first. Schedules call for
//! rounds of predictions. What is to be kept becomes a [`Fact`], goes through the outbox on disk, and
//! from there into the database; nobody who calls models waits for that.

mod arrivals;
mod asking;
mod book;
mod config;
mod configs;
mod entry;
mod error;
mod export;
mod fact;
mod feed;
#[cfg(test)]
pub(crate) mod fuzz;
mod heard;
mod library;
mod news;
mod outbox;
mod ports;
mod presence;
mod prices;
mod replay;
mod roll;
mod round;
#[cfg(test)]
mod scene;
mod schedule;
mod shape;
mod share;
mod shared_book;
mod stored;
mod teller;
mod telling;
#[cfg(test)]
mod testing_market;
mod told;
mod whom;

pub use self::{
    arrivals::Sharing,
    asking::{Asking, AskingParts},
    book::{Book, Refused, Taken, Why},
    config::{AnswerShape, BadPredictValue, PredictConfig, PredictHttpConfig, ScheduleConfig},
    configs::Scope,
    error::PredictError,
    export::{ExportError, ExportFormat, Exported, export},
    fact::Fact,
    feed::{CsvFeed, Feed, FeedError, LiveConfig, LiveFeed, Replayed, Supplies},
    outbox::{Connect, Outbox, OutboxOptions, OutboxTask, Pending, Retention, Waiting},
    ports::{Attendance, Facts, Quotes},
    presence::StoreWatch,
    prices::Prices,
    roll::Roll,
    share::{ShareKeeper, ShareParts, worker_name},
    shared_book::{BookConfig, SharedBook},
    stored::stored_closes,
    teller::{Ended, Teller},
    told::{prices_json, tick_calls},
};
