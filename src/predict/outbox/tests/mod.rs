//! The outbox with a database that can be made to misbehave.

mod disk;
mod double;
mod draining;
mod endings;
mod killed;
pub(super) mod kit;
mod pruning;
mod random;
mod rows;
