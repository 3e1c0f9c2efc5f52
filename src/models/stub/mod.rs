//! Models and an orchestrator that do as they are told, for demonstrations and tests.
//!
//! They speak the real protocols over real sockets, and thousands of models fit one process. Through
//! [`Behaviour`] and the handles they can be made to misbehave. They are no proof: real servers are.

mod behaviour;
mod forecaster;
mod item;
mod load;
mod mind;
mod model;
mod model_file;
mod orchestrator;
mod reply;
mod server;

#[cfg(test)]
pub(super) use self::model_file::read as read_list;

pub use self::{
    behaviour::Behaviour,
    forecaster::{Forecaster, Style},
    item::StubItem,
    load::Load,
    mind::{Maker, Mind},
    model::{Caller, Guard, StubModel, StubOptions},
    model_file::{Change, ModelFile},
    orchestrator::StubOrchestrator,
};
