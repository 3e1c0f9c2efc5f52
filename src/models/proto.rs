//! The messages that a model's server understands: our own minimal set.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "generated code"
)]

/// Values, arguments and statuses.
pub mod commons {
    include!(concat!(env!("OUT_DIR"), "/commons.rs"));
}

/// Setting a model up and calling it.
pub mod dynamic_subclass {
    include!(concat!(env!("OUT_DIR"), "/dynamic_subclass.rs"));
}

/// Whether the server answers at all.
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/health.rs"));
}
