//! Scripted faults: what can go wrong, when it does, and what it met.
//!
//! A script is a list of [`Order`]s. The [`director`] begins and ends them with the chain's beats (a beat
//! is one block time, also while blocks are halted) and keeps count; [`effects`] says what those that
//! hold do to an endpoint, to the chain and to the prices. `docs/faults.md` tells the grammar.

mod director;
mod effects;
mod fault;
mod order;
mod random;

pub use director::{Hit, News};
pub use fault::{Fault, Scope};
pub use order::{Order, OrderError, When, check_endpoints, read_script};
pub use random::{RandomFaults, all_kinds};

pub(super) use director::{Beat, Director};
pub(super) use effects::{ChainEffects, Delivery, Effects};
