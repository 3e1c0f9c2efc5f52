//! What is to be stored.

use serde::{Deserialize, Serialize};

use crate::store::{Close, ConfigKey, Deployment, ModelRecord, Prediction};

/// Something that happened and is to be stored. Storing one twice changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A model as it is now.
    Model(ModelRecord),
    /// A model was deployed anew.
    Deployed(Deployment),
    /// A model's part in a round.
    Prediction(Prediction),
    /// All parts of a round were handed over before this.
    Performed {
        /// The crunch.
        crunch_id: String,
        /// What was asked for.
        config: ConfigKey,
        /// When it was due, unix seconds.
        slot: i64,
    },
    /// Models were told these prices.
    Closes {
        /// The asset.
        asset: String,
        /// Its closes, oldest first.
        closes: Vec<Close>,
    },
}
