//! Forecasts: from candles to one number for a topic. No I/O happens here.

mod config;
mod desk;
mod features;
mod history;
mod model;
mod trainer;
mod types;

pub use config::{ForecastConfig, ForecastError};
pub use desk::{Desk, DeskHandle, TopicSpec};
pub use history::{BadCandle, HOUR};
pub use model::{Fitted, Forecaster, Regression};
pub use types::{
    Candle, ChallengerReport, Fallback, Forecast, History, Labelled, Report, Source, Target,
};
