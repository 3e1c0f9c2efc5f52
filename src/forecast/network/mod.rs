//! A network of models as one forecast: what they expect, weighed by how they scored, combined so that
//! no model can carry the rest away, and held against the built-in forecast by the gate that every
//! challenger passes.
//!
//! Pure: it is fed closes' rows, rounds and standings in order of time, and knows nothing from after
//! the time that it speaks of.

mod cap;
mod combine;
mod config;
mod copies;
mod ensemble;
mod forecaster;
mod record;
mod rounds;
mod standings;
mod state;

pub use combine::{Combined, Part};
pub use config::{BadBlendValue, BlendConfig, TopicSource};
pub use ensemble::{Ensemble, Said};
pub use forecaster::NetworkForecaster;
pub use rounds::{Expected, Round, Voice, round_of, voices};
pub use standings::{Standing, Standings};
pub use state::NetworkState;

#[cfg(test)]
mod testing;
