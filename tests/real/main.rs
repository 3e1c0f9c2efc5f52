//! The worker's real binary against a real Allora node on loopback.
//!
//! These tests take minutes, so a plain `cargo test` skips them and says so. `ALLORA_REAL=1` runs
//! them when a node binary is there (`scripts/localnet.sh build` makes one), `ALLORA_REAL=require`
//! fails without one. More settings:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `ALLORA_REAL_OLDER` | `require`: fails without the older release, too | skips what needs it |
//! | `ALLORA_NODE_BIN` | the newest node's binary | the one in the cache |
//! | `ALLORA_WORKER_BIN` | the worker's binary | the one built with the tests |
//! | `DATABASE_URL` | a PostgreSQL database for its tests, each in a schema of its own | a server of their own |
//! | `ALLORA_MODELS_PYTHON` | a Python of 3.12 or newer for the real models | the first found |
//! | `ALLORA_REAL_WINDOWS` | windows in a row | 5 |
//! | `ALLORA_REAL_WINDOWS_OLDER` | windows in a row on the older release | 3 |
//! | `ALLORA_REAL_WINDOWS_UPGRADED` | windows after an upgrade | 2 |
//! | `ALLORA_REAL_TOPICS` | topics of one worker | 16 |
//! | `ALLORA_REAL_EPOCHS` | epochs with all of them in step | 2 |
//! | `ALLORA_REAL_EPOCHS_STAGGERED` | epochs with one a block | 1 |
//! | `ALLORA_REAL_ENDPOINT_WINDOWS` | windows for each trouble of an endpoint | 2 |
//! | `ALLORA_REAL_LAG` | blocks that an endpoint lags | 10 |
//! | `ALLORA_REAL_OUTAGE` | seconds for which the predictions' database is away | 10 |
//! | `ALLORA_REAL_STANDBY` | faults of a leader that another worker takes over from | 3 |
//! | `ALLORA_REAL_KILLS` | kills at random moments | 3 |
//! | `ALLORA_REAL_SEED` | seed of those moments, and of what bad doors do | random, and printed |
//! | `ALLORA_REAL_ROUGH_WINDOWS` | windows with kills, stops and bad doors | 5 |
//! | `ALLORA_REAL_MINUTES` | minutes in which memory and descriptors are looked at | 1 |
//! | `ALLORA_CHROMIUM` | a browser for the page's tests | the first in `PATH` |
//! | `ALLORA_PAGE_PICTURES` | a folder for pictures of the page | none are taken |
//! | `ALLORA_REAL_KEEP` | set: the workers' data folders are kept | unset |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail like the test itself"
)]

use gate as postgres_gate;

mod a_bad_topic;
mod another_hand;
mod answers;
mod bad_inputs;
mod blending;
mod browser;
mod chain;
mod check;
#[path = "../conformance/mod.rs"]
mod conformance;
mod conformance_of_the_node;
mod earnings;
mod endpoints;
mod figures;
mod gate;
#[path = "../guide/mod.rs"]
#[allow(dead_code, reason = "the scenarios type more of it")]
mod guide;
mod guide_lines;
mod hour;
#[path = "../journal_suite/mod.rs"]
mod journal_suite;
mod kills;
mod learning;
mod leases;
mod ledger;
mod many_topics;
mod models;
mod models_field;
mod models_gate;
mod models_server;
mod node;
mod outage;
mod outranked;
mod page;
mod page_live;
#[path = "../page_samples/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the library's own tests use more of it"
)]
mod page_samples;
mod page_site;
mod page_worker;
mod peer;
mod plan;
mod postgres;
mod postgres_server;
mod predict_stand;
mod predicting;
#[path = "../prediction_store/mod.rs"]
mod prediction_store;
mod price_server;
mod proxy;
mod rough;
mod script;
#[path = "../search/mod.rs"]
mod search;
mod secrets;
mod several_outputs;
mod sharing;
mod site;
mod slowness;
mod standby;
mod standby_store;
mod trial;
mod upgrade;
mod wallet;
mod windows;
mod worker;
