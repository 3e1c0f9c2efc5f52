//! Forecasts: from candles to one number for a topic. No I/O happens here.

mod bound;
mod config;
mod desk;
mod features;
mod forecaster;
mod history;
mod labels;
mod model;
mod outside;
mod trainer;
mod types;

pub use config::{ForecastConfig, ForecastError};
pub use desk::{Desk, DeskHandle, TopicSpec};
pub use forecaster::{Answer, BuiltIn, Forecaster, Question};
pub use history::{BadCandle, HOUR};
pub use labels::Labels;
pub use model::{Fitted, Model, Regression};
pub use outside::Outside;
pub use types::{
    Candle, ChallengerReport, Fallback, Forecast, History, Labelled, Report, Source, Target,
};
