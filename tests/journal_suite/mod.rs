//! One suite for every database that a journal can be kept in.

use std::sync::Arc;

use allora_worker::{
    store::{Journal, Refusal, SignedTx, State, Transition, Wallet},
    types::{Height, Nonce, TopicId, WindowKey},
};
use time::OffsetDateTime;

pub(crate) fn wallet() -> Wallet {
    Wallet {
        chain_id: "allora-localnet-1".into(),
        address: "allo1x".into(),
    }
}

pub(crate) fn step(nonce: i64, state: State) -> Transition {
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

pub(crate) fn signed(mark: u8) -> Arc<SignedTx> {
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

pub(crate) async fn every_state_comes_back_as_it_was(store: &impl Journal) {
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

pub(crate) async fn what_is_not_final_is_found_with_its_bytes(store: &impl Journal) {
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

pub(crate) async fn refused_and_replaced_bytes_are_not_sent_again(store: &impl Journal) {
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

pub(crate) async fn wallets_are_kept_apart_and_can_be_set_aside(store: &impl Journal) {
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

pub(crate) async fn the_windows_of_one_transaction_come_back_together(store: &impl Journal) {
    let tx = signed(7);
    let steps: Vec<_> = (1..=64)
        .map(|nonce| step(nonce, State::Prepared(tx.clone())))
        .collect();
    store.append(&steps).await.unwrap();
    let open = store.unfinished(&wallet()).await.unwrap();
    let nonces: Vec<_> = open.iter().map(|it| it.key.nonce.0).collect();
    assert_eq!(nonces, (1..=64).collect::<Vec<_>>(), "oldest first");
    assert!(open.iter().all(|it| it.signed.as_ref() == Some(&tx)));
    let recent = store.recent(&wallet(), 3).await.unwrap();
    let nonces: Vec<_> = recent.iter().map(|it| it.key.nonce.0).collect();
    assert_eq!(nonces, [64, 63, 62], "newest first");
}

pub(crate) async fn what_is_far_behind_the_newest_is_not_taken_up(store: &impl Journal) {
    for nonce in [1, 30_000, 30_001] {
        store.append(&[step(nonce, State::Due)]).await.unwrap();
    }
    let open = store.unfinished(&wallet()).await.unwrap();
    let nonces: Vec<_> = open.iter().map(|it| it.key.nonce.0).collect();
    assert_eq!(nonces, [30_000, 30_001]);
    assert_eq!(store.recent(&wallet(), 9).await.unwrap().len(), 3);
}

pub(crate) async fn steps_of_one_call_keep_their_order(store: &impl Journal) {
    let all = [
        step(1, State::Due),
        step(1, State::Prepared(signed(1))),
        step(1, State::Superseded),
        step(1, State::Prepared(signed(2))),
    ];
    store.append(&all).await.unwrap();
    let open = store.unfinished(&wallet()).await.unwrap();
    assert_eq!(open[0].state, State::Prepared(signed(2)));
}

/// Makes a test of each case, on a journal that `$place` gives; none is skipped.
macro_rules! journal_suite {
    ($place:path) => {
        $crate::journal_suite::journal_suite!($place:
            every_state_comes_back_as_it_was,
            what_is_not_final_is_found_with_its_bytes,
            refused_and_replaced_bytes_are_not_sent_again,
            wallets_are_kept_apart_and_can_be_set_aside,
            the_windows_of_one_transaction_come_back_together,
            what_is_far_behind_the_newest_is_not_taken_up,
            steps_of_one_call_keep_their_order,
        );
    };
    ($place:path: $($case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(place) = $place().await {
                    $crate::journal_suite::$case(&place.journal).await;
                    place.clear().await;
                }
            }
        )*
    };
}
pub(crate) use journal_suite;
