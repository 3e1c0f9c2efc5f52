//! Hands the page out: routes, live updates, the same figures as JSON, and who may look.
//!
//! Nothing is read while nobody looks. What all open pages show is read and rendered once for all of them.

mod figures;
mod follow;
mod hub;
mod routes;

pub use hub::{Boards, ClockNow, Clocks, Hub};
pub use routes::{assets, routes, sign_in};

#[cfg(test)]
mod tests;
