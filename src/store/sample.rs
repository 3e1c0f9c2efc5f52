//! A wallet and steps of its windows, for tests.

use time::OffsetDateTime;

use super::{State, Transition, Wallet};
use crate::types::{Height, Nonce, TopicId, WindowKey};

pub(crate) fn wallet() -> Wallet {
    Wallet {
        chain_id: "allora-localnet-1".into(),
        address: "allo1x".into(),
    }
}

/// A step of topic 67, whose window takes ten blocks.
pub(crate) fn step(nonce: i64, state: State) -> Transition {
    Transition {
        at: OffsetDateTime::now_utc(),
        wallet: wallet(),
        key: WindowKey {
            topic: TopicId(67),
            nonce: Nonce(nonce),
        },
        window_end: Height(nonce + 10),
        value: Some("0.001".into()),
        report: None,
        state,
    }
}
