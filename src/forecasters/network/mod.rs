//! A network of models: its predictions and scores are read from the database that the Predict worker
//! and the Scoring worker write, and become what the forecast room knows of it.

mod decode;
mod reader;

use std::fmt;

use serde::Deserialize;

pub use self::reader::{Predictions, Reader, Tell};
use crate::density::Unit;

/// `network` of a `[[topics]]` entry: which models' predictions a topic is answered from, where it is
/// not what `[models]` and `predict.assets` say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// The crunch; that of `[models]` when none is given.
    pub crunch_id: Option<String>,
    /// The asset as models know it; that of `predict.assets` with the topic's ticker when none is given.
    pub asset: Option<String>,
    /// What the models' numbers are in; that of `[models]` when none is given.
    pub unit: Option<Unit>,
}

/// Whose predictions of what are read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The crunch.
    pub crunch_id: String,
    /// The asset, as models know it.
    pub asset: String,
    /// How far ahead, in seconds.
    pub horizon: u32,
    /// What the models' numbers are in.
    pub unit: Unit,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            crunch_id,
            asset,
            horizon,
            ..
        } = self;
        write!(
            f,
            "{asset} over {} h of the crunch {crunch_id:?}",
            horizon / 3600
        )
    }
}
