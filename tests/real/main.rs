//! The worker's real binary against a real Allora node on loopback.
//!
//! These tests take minutes, so a plain `cargo test` skips them and says so. `ALLORA_REAL=1` runs
//! them when a node binary is there (`scripts/localnet.sh build` makes one), `ALLORA_REAL=require`
//! fails without one. More settings:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `ALLORA_NODE_BIN` | the node's binary | the one in the cache |
//! | `ALLORA_WORKER_BIN` | the worker's binary | the one built with the tests |
//! | `ALLORA_REAL_WINDOWS` | windows in a row | 5 |
//! | `ALLORA_REAL_KILLS` | kills at random moments | 3 |
//! | `ALLORA_REAL_SEED` | seed of those moments | random, and printed |
//! | `ALLORA_REAL_KEEP` | set: the workers' data folders are kept | unset |

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail like the test itself"
)]

mod answers;
mod bad_inputs;
mod chain;
mod figures;
mod gate;
mod kills;
mod ledger;
mod many_topics;
mod node;
mod outranked;
mod secrets;
mod wallet;
mod windows;
mod worker;
