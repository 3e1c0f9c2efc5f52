use std::{sync::Arc, time::Duration};

use super::*;
use crate::store::{
    Refusal,
    sample::{step, wallet},
};

fn signed(mark: u8) -> Arc<SignedTx> {
    Arc::new(SignedTx {
        bytes: vec![mark; 3],
        hash: format!("HASH{mark}"),
        sequence: u64::from(mark),
    })
}

fn refusal() -> Refusal {
    Refusal {
        codespace: "sdk".into(),
        code: 32,
        log: "account sequence mismatch".into(),
    }
}

#[tokio::test]
async fn what_was_appended_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let store = Store::open(&path).await.unwrap();
    store
        .append(&[step(5, State::Prepared(signed(5)))])
        .await
        .unwrap();
    // A second opening while the first is not closed: as after a kill.
    let again = Store::open(&path).await.unwrap();
    assert_eq!(again.unfinished(&wallet()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_windows_of_one_transaction_share_its_bytes() {
    let store = Store::in_memory().await.unwrap();
    let tx = signed(7);
    let steps: Vec<_> = (1..=64)
        .map(|nonce| step(nonce, State::Prepared(tx.clone())))
        .collect();
    store.append(&steps).await.unwrap();
    let open = store.unfinished(&wallet()).await.unwrap();
    assert_eq!(open.len(), 64);
    assert!(open.iter().all(|it| it.signed.as_ref() == Some(&tx)));
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM transactions")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn what_was_handed_to_a_node_is_found_by_its_time_and_what_was_withdrawn_is_not() {
    let store = Store::in_memory().await.unwrap();
    let broadcast = |mark: u8| State::Broadcast {
        hash: format!("HASH{mark}"),
        endpoint: "e".into(),
    };
    for (nonce, state) in [
        // Taken, and refused by its block: it paid.
        (1, State::Prepared(signed(1))),
        (1, broadcast(1)),
        (1, State::Rejected(refusal())),
        // Signed ahead and withdrawn.
        (2, State::Prepared(signed(2))),
        (2, State::Superseded),
        // Refused by the mempool.
        (3, State::Prepared(signed(3))),
        (3, State::Rejected(refusal())),
        // It may be out.
        (4, State::Prepared(signed(4))),
        // One transaction for two windows, in a block.
        (5, State::Prepared(signed(5))),
        (6, State::Prepared(signed(5))),
        (5, broadcast(5)),
        (6, broadcast(5)),
        (5, State::Counted),
    ] {
        store.append(&[step(nonce, state)]).await.unwrap();
    }
    let since = OffsetDateTime::now_utc() - Duration::from_secs(60);
    let sent = store.sent_since(&wallet(), since).await.unwrap();
    let hashes: Vec<_> = sent.iter().map(|it| it.hash.as_str()).collect();
    assert_eq!(hashes, ["HASH1", "HASH4", "HASH5"]);
    assert_eq!(sent[2].bytes, signed(5).bytes);
    assert!(sent.iter().all(|it| it.at >= since));
    let later = OffsetDateTime::now_utc() + Duration::from_secs(60);
    assert!(store.sent_since(&wallet(), later).await.unwrap().is_empty());
    let other = Wallet {
        address: "allo1y".into(),
        ..wallet()
    };
    assert!(store.sent_since(&other, since).await.unwrap().is_empty());
}
