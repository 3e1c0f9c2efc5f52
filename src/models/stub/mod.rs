//! Models and an orchestrator that do as they are told, for demonstrations and tests.
//!
//! They speak the real protocols over real sockets, and thousands of models fit one process. Through
//! [`Behaviour`] and the handles they can be made to misbehave. They are no proof: real servers are.

mod behaviour;
mod item;
mod model;
mod orchestrator;
mod reply;
mod server;

pub use self::{
    behaviour::Behaviour,
    item::StubItem,
    model::{Caller, Guard, StubModel, StubOptions},
    orchestrator::StubOrchestrator,
};
