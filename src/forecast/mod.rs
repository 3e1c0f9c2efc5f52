//! Forecasts: from candles to one number for a topic. No I/O happens here.

mod answers;
mod bound;
mod builtin;
mod challengers;
mod choice;
mod config;
mod days;
mod desk;
mod engine;
mod forecaster;
mod gate;
mod grid;
mod handle;
mod history;
mod judging;
mod labels;
mod lessons;
mod linear;
mod live;
mod model;
mod network;
mod outside;
mod prior;
mod seat;
mod slot;
mod trainer;
mod training;
mod types;
mod walk;

pub use builtin::Builtin;
pub use choice::{Choice, UnknownChoice};
pub use config::{ForecastConfig, ForecastError};
pub use days::{Day, Days};
pub use desk::{Desk, TopicSpec};
pub use engine::{Engine, Opinion};
pub use forecaster::{Answer, Blocking, Forecaster, Question};
pub use handle::DeskHandle;
pub use history::{BadCandle, HOUR};
pub use judging::Unjudged;
pub use labels::Labels;
pub use live::{LiveFuse, LiveFuses, LiveOutcome, log_return};
pub use model::{Fitted, Model};
pub use network::{
    BadBlendValue, BlendConfig, Combined, Ensemble, Expected, NetworkForecaster, NetworkState,
    Part, Round, Said, Standing, Standings, TopicSource, Voice, round_of, voices,
};
pub use outside::Outside;
pub use types::{
    Candle, ChallengerReport, Fallback, Forecast, History, Labelled, NetworkPart, NetworkReport,
    Report, Source, Target,
};
pub use walk::{Step, Walk};

#[cfg(test)]
mod testing;
