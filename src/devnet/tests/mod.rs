//! The devnet over its sockets, as the worker meets it.

mod faults;
mod faults_of_the_chain;
mod inclusion;
mod kit;
mod refused_at_once;
mod refused_in_block;
mod scripted;
mod sockets;
mod told;
pub(super) mod wallet;
