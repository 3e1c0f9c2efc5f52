//! Forecasts: from candles to one number for a topic. No I/O happens here.

mod types;

pub use types::{Candle, Fallback, Forecast, History, Source, Target};
