//! The chain's protobuf messages: our own minimal set for the emissions module and the fee market,
//! and the Cosmos SDK's through `cosmrs`.

#![allow(missing_docs, clippy::pedantic, reason = "generated code")]

/// Messages of the emissions module (v9 and v10).
pub mod emissions {
    include!(concat!(env!("OUT_DIR"), "/emissions.rs"));
}

/// Queries of the fee market.
pub mod feemarket {
    include!(concat!(env!("OUT_DIR"), "/feemarket.rs"));
}

pub use cosmrs::proto::cosmos;
