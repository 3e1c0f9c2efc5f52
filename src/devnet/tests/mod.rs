//! The devnet over its sockets, as the worker meets it.

mod codes;
mod faults;
mod inclusion;
mod kit;
mod sockets;
