//! The Predict worker: tells a network of models what the market does, asks them what will come of it,
//! and stores what they answer.
//!
//! Prices come from a [`Feed`] into the [`Book`], which holds the last days. Each new batch is told to
//! all models as a tick; a model that knows nothing is told the whole book first. Schedules call for
//! rounds of predictions. What is to be kept becomes a [`Fact`], goes through the outbox on disk, and
//! from there into the database; nobody who calls models waits for that.

mod book;
mod config;
mod error;
mod export;
mod fact;
mod feed;
mod heard;
mod outbox;
mod ports;
mod prices;
mod replay;
mod shared_book;
mod teller;
mod telling;
mod told;

pub use self::{
    book::{Book, Refused, Taken, Why},
    config::{AnswerShape, BadPredictValue, PredictConfig, ScheduleConfig},
    error::PredictError,
    export::{ExportError, ExportFormat, export},
    fact::Fact,
    feed::{
        ChannelFeed, CsvFeed, Feed, FeedError, LiveConfig, LiveFeed, MarketClock, Replayed,
        Supplies,
    },
    outbox::{Connect, Outbox, OutboxOptions, OutboxTask, Pending, Retention, Waiting},
    ports::{Attendance, Facts, Quotes},
    prices::Prices,
    shared_book::{BookConfig, SharedBook},
    teller::{Ended, Teller},
    told::{prices_json, tick_calls},
};
