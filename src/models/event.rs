//! What a network of models tells whoever runs it.

use std::{sync::Arc, time::Duration};

use super::{FailureCode, Instance, Left, ModelInfo, Subject};

/// News of the network and its models.
#[derive(Clone, Debug)]
pub enum NetworkEvent {
    /// The orchestrator has listed its models.
    Listed {
        /// How many run.
        models: usize,
    },
    /// The orchestrator's socket is lost, or could not be opened. Models stay connected meanwhile.
    OrchestratorLost {
        /// Why.
        cause: String,
        /// When it is opened again.
        retry_in: Duration,
    },
    /// The orchestrator told something that can't be read; it was passed over.
    Odd(String),
    /// A model can be called from now on: it joined, or a newer deployment of it took over.
    Joined(Arc<ModelInfo>),
    /// A model's server holds an instance: a new one, which knows nothing, or one that it held when
    /// this process first came.
    SetUp {
        /// Which model.
        model: Arc<ModelInfo>,
        /// Whether it is new.
        instance: Instance,
    },
    /// A model was brought up to date, after this time; or it failed, and why.
    Replayed {
        /// Which model.
        model: Arc<ModelInfo>,
        /// How it went.
        result: Result<Duration, String>,
    },
    /// A model's name or its owner's data have changed.
    Renamed(Arc<ModelInfo>),
    /// A run of a model was let go. Another run of the same model may serve.
    Left {
        /// Which model and deployment.
        model: Arc<ModelInfo>,
        /// Why.
        why: Left,
    },
    /// A model can't be reached; it is tried again.
    Unreachable {
        /// Which model.
        model: Arc<ModelInfo>,
        /// For how long already.
        since: Duration,
        /// Why.
        cause: String,
    },
    /// A model failed for this reason. Unless it just can't be reached, it is called no more.
    Failed {
        /// Which model.
        model: Arc<ModelInfo>,
        /// Why.
        code: FailureCode,
        /// In words; the model's own where there are some.
        reason: String,
    },
    /// The orchestrator was told of a model's failure, and will stop it.
    Reported {
        /// The model's id.
        model_id: String,
        /// What it was told.
        code: FailureCode,
    },
    /// Models can't be reached, and none can: nobody is reported, as it may be this side's network.
    NobodyReachable {
        /// The last cause.
        cause: String,
    },
    /// Every model lacks this: the configuration is at fault, and nobody is reported or disconnected.
    OurMistake {
        /// What they lack.
        subject: Subject,
        /// How many.
        models: usize,
        /// What the last of them said.
        words: String,
    },
    /// A model's server does not take our credentials or our clock.
    Unauthenticated {
        /// Which model.
        model: Arc<ModelInfo>,
        /// What it said.
        cause: String,
    },
}
