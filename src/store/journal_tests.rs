use std::sync::Arc;

use super::*;
use crate::types::{Height, Nonce, TopicId, WindowKey};

fn wallet() -> Wallet {
    Wallet {
        chain_id: "allora-localnet-1".into(),
        address: "allo1x".into(),
    }
}

fn step(nonce: i64, state: State) -> Transition {
    let key = WindowKey {
        topic: TopicId(67),
        nonce: Nonce(nonce),
    };
    Transition {
        at: OffsetDateTime::now_utc(),
        wallet: wallet(),
        key,
        window_end: Height(nonce + 10),
        value: Some("0.001".into()),
        report: None,
        state,
    }
}

fn signed(mark: u8) -> Arc<SignedTx> {
    Arc::new(SignedTx {
        bytes: vec![mark; 3],
        hash: format!("HASH{mark}"),
        sequence: u64::from(mark),
    })
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
