use std::time::Duration;

use super::*;

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

fn refusal() -> Refusal {
    Refusal {
        codespace: "sdk".into(),
        code: 32,
        log: "account sequence mismatch".into(),
    }
}

#[tokio::test]
async fn every_state_comes_back_as_it_was() {
    let states = [
        State::Due,
        State::Prepared(signed(1)),
        State::Broadcast {
            hash: "HASH1".into(),
            endpoint: "http://127.0.0.1:1".into(),
        },
        State::Included {
            hash: "HASH1".into(),
            height: Height(7),
        },
        State::Counted,
        State::Outranked,
        State::Rejected(refusal()),
        State::Expired {
            reason: "no node answered".into(),
        },
        State::Superseded,
    ];
    let store = Store::in_memory().await.unwrap();
    for (nonce, state) in (100..).zip(&states) {
        store.append(&[step(nonce, state.clone())]).await.unwrap();
    }
    let mut found = store.recent(&wallet(), 100).await.unwrap();
    found.reverse();
    let found: Vec<_> = found
        .into_iter()
        .map(|submission| submission.state)
        .collect();
    assert_eq!(found, states);
}

#[tokio::test]
async fn what_is_not_final_is_found_with_its_bytes() {
    let store = Store::in_memory().await.unwrap();
    for (nonce, state) in [
        (1, State::Prepared(signed(1))),
        (1, State::Counted),
        (2, State::Prepared(signed(2))),
        (
            2,
            State::Broadcast {
                hash: "HASH2".into(),
                endpoint: "e".into(),
            },
        ),
        (3, State::Prepared(signed(3))),
    ] {
        store.append(&[step(nonce, state)]).await.unwrap();
    }
    let open = store.unfinished(&wallet()).await.unwrap();
    let found: Vec<_> = open
        .iter()
        .map(|s| (s.key.nonce.0, s.signed.clone()))
        .collect();
    assert_eq!(found, [(2, Some(signed(2))), (3, Some(signed(3)))]);
    assert_eq!(open[0].value.as_deref(), Some("0.001"));
    assert!(open[0].since <= OffsetDateTime::now_utc());
}

#[tokio::test]
async fn refused_and_replaced_bytes_are_not_sent_again() {
    let store = Store::in_memory().await.unwrap();
    for (nonce, state) in [
        (1, State::Prepared(signed(1))),
        (1, State::Rejected(refusal())),
        (2, State::Prepared(signed(2))),
        (2, State::Superseded),
        (2, State::Prepared(signed(3))),
        (3, State::Prepared(signed(4))),
        (3, State::Superseded),
    ] {
        store.append(&[step(nonce, state)]).await.unwrap();
    }
    let open = store.unfinished(&wallet()).await.unwrap();
    let found: Vec<_> = open.iter().map(|s| s.signed.clone()).collect();
    assert_eq!(found, [None, Some(signed(3))]);
}

#[tokio::test]
async fn wallets_are_kept_apart_and_can_be_set_aside() {
    let store = Store::in_memory().await.unwrap();
    store.append(&[step(1, State::Due)]).await.unwrap();
    let other = Wallet {
        address: "allo1y".into(),
        ..wallet()
    };
    assert!(store.recent(&other, 9).await.unwrap().is_empty());
    store
        .set_aside(&wallet(), "allora-localnet-1, first run")
        .await
        .unwrap();
    assert!(store.recent(&wallet(), 9).await.unwrap().is_empty());
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
