//! The client of a network of models: an orchestrator tells which models run where, and each is called
//! over gRPC.
//!
//! [`ModelNetwork`] follows the orchestrator's socket and keeps one task a model, so that no model
//! delays another or the list. A [`Call`] is encoded once for all models, has one deadline, and its
//! [`Outcome`]s come as a stream. What models fail at, and what is the fault of this side, is told apart:
//! see [`Cause`]. [`stub`] holds models and an orchestrator to try all that with.
//!
//! Models are trusted with nothing: neither with time, nor with the size or the shape of what they
//! give back.

mod call;
mod calling;
mod circle;
mod config;
mod error;
mod event;
mod item;
mod keeper;
mod model;
mod network;
mod orchestrator;
mod proto;
mod roster;
mod status;
pub mod stub;
mod variant;
mod wire;

pub use crate::json::Json;

pub use self::{
    call::{ArgumentConfig, Call, MethodConfig},
    calling::Calling,
    circle::Ours,
    config::ModelsConfig,
    error::ModelsError,
    event::NetworkEvent,
    item::ModelInfo,
    model::{Instance, NoReplay, Replay, Subject},
    network::{ModelNetwork, Settled, Subset},
    orchestrator::FailureCode,
    roster::Left,
    status::{CallStatus, Cause, Outcome, Trouble},
    variant::{Kind, Payload, Value},
};

#[cfg(test)]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
