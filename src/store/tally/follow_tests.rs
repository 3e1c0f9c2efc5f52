use std::{path::Path, sync::Arc};

use super::*;
use crate::store::{
    Journal as _, SignedTx, State, Store, Transition,
    sample::{step, wallet},
};

fn prepared(hash: &str) -> State {
    State::Prepared(Arc::new(SignedTx {
        bytes: hash.as_bytes().to_vec(),
        hash: hash.into(),
        sequence: 1,
    }))
}

fn broadcast(hash: &str) -> State {
    State::Broadcast {
        hash: hash.into(),
        endpoint: format!("http://{hash}"),
    }
}

fn included(hash: &str, height: i64) -> State {
    State::Included {
        hash: hash.into(),
        height: Height(height),
    }
}

fn of_topic(topic: u64, mut step: Transition) -> Transition {
    step.key.topic = TopicId(topic);
    step
}

async fn ledger(path: &Path) -> Ledger {
    Ledger::open(path).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_read_bit_by_bit_is_what_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let store = Store::open(&path).await.unwrap();
    let ledger = ledger(&path).await;
    let mut followed = Followed::default();
    let refusal = crate::store::Refusal {
        codespace: "sdk".into(),
        code: 5,
        log: "no coins".into(),
    };
    // Windows of two topics in one transaction, a refused one, one that is signed anew, and a late word of
    // an old one.
    let written = [
        vec![
            step(100, prepared("A")),
            of_topic(68, step(100, prepared("A"))),
        ],
        vec![step(100, broadcast("A"))],
        vec![
            of_topic(68, step(100, broadcast("A"))),
            step(100, included("A", 101)),
        ],
        vec![step(200, State::Due)],
        vec![step(200, prepared("B")), step(200, broadcast("B"))],
        vec![step(200, State::Rejected(refusal))],
        vec![step(
            150,
            State::Expired {
                reason: "late".into(),
            },
        )],
        vec![step(200, prepared("C")), step(200, broadcast("C"))],
        vec![
            step(100, State::Counted),
            of_topic(68, step(100, included("A", 101))),
        ],
        vec![step(200, included("C", 203)), step(300, included("", 301))],
        vec![of_topic(68, step(100, State::Outranked))],
    ];
    for steps in written {
        store.append(&steps).await.unwrap();
        followed.follow(&ledger, &wallet(), "uallo").await.unwrap();
        let at_once = ledger.past(&wallet(), "uallo").await.unwrap();
        assert_eq!(followed.past(), &at_once);
    }
    let told: Vec<_> = followed
        .past()
        .windows
        .iter()
        .map(|it| {
            (
                it.key.nonce.0,
                it.hash.as_deref(),
                it.endpoint.as_deref(),
                it.blocks,
            )
        })
        .collect();
    let expected = [
        (100, Some("A"), Some("http://A"), Some(1)),
        (100, Some("A"), Some("http://A"), Some(1)),
        (150, None, None, None),
        (200, Some("C"), Some("http://C"), Some(3)),
        // Another run of the wallet answered.
        (300, None, None, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        followed.past().payments.len(),
        3,
        "A and C, and B by its refusal"
    );
}

#[tokio::test]
async fn a_chain_that_begins_anew_or_another_wallet_is_read_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let store = Store::open(&path).await.unwrap();
    let ledger = ledger(&path).await;
    let mut followed = Followed::default();
    store
        .append(&[step(100, prepared("A")), step(100, broadcast("A"))])
        .await
        .unwrap();
    followed.follow(&ledger, &wallet(), "uallo").await.unwrap();
    assert_eq!(followed.past().windows.len(), 1);
    store.set_aside(&wallet(), "before").await.unwrap();
    store
        .append(&[step(7, prepared("B")), step(7, broadcast("B"))])
        .await
        .unwrap();
    followed.follow(&ledger, &wallet(), "uallo").await.unwrap();
    let nonces: Vec<_> = followed
        .past()
        .windows
        .iter()
        .map(|it| it.key.nonce.0)
        .collect();
    assert_eq!(nonces, [7]);
    let before = Wallet {
        chain_id: "before".into(),
        ..wallet()
    };
    followed.follow(&ledger, &before, "uallo").await.unwrap();
    let nonces: Vec<_> = followed
        .past()
        .windows
        .iter()
        .map(|it| it.key.nonce.0)
        .collect();
    assert_eq!(nonces, [100]);
}
