use std::sync::Arc;

use time::macros::datetime;

use super::*;
use crate::{
    store::{
        Journal as _, RunRepository as _, SignedTx, State, StateName, Store,
        sample::{step, wallet},
    },
    types::TopicId,
};

const AT: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);

async fn filled(path: &Path) -> Store {
    let store = Store::open(path).await.unwrap();
    let tx = SignedTx {
        bytes: vec![1, 2, 3],
        hash: "AB".into(),
        sequence: 1,
    };
    let broadcast = State::Broadcast {
        hash: "AB".into(),
        endpoint: "http://node".into(),
    };
    let included = State::Included {
        hash: "AB".into(),
        height: Height(102),
    };
    let steps = [
        step(100, State::Prepared(Arc::new(tx))),
        step(100, broadcast),
        step(100, included),
        step(100, State::Counted),
        step(200, State::Due),
        step(
            200,
            State::Expired {
                reason: "no node".into(),
            },
        ),
    ];
    store.append(&steps).await.unwrap();
    store
}

async fn read(path: &Path) -> Past {
    let ledger = Ledger::open(path).await.unwrap().unwrap();
    let found = ledger.newest_wallet().await.unwrap();
    assert_eq!(found, Some(wallet()));
    ledger.past(&wallet(), "uallo").await.unwrap()
}

#[tokio::test]
async fn a_window_is_one_row_with_its_newest_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let _store = filled(&path).await;
    let past = read(&path).await;
    let [counted, missed] = &past.windows[..] else {
        panic!("{past:?}");
    };
    assert_eq!(
        (counted.state, counted.blocks),
        (StateName::Counted, Some(2))
    );
    assert!(counted.sent.is_some() && counted.cause.is_none());
    assert_eq!(counted.value.as_deref(), Some("0.001"));
    assert_eq!((missed.state, missed.sent), (StateName::Expired, None));
    assert_eq!(missed.cause.as_deref(), Some("no node"));
    assert_eq!(past.payments.len(), 1);
}

#[tokio::test]
async fn runs_and_terms_come_back_as_they_were_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let store = filled(&path).await;
    let mut run = Run::of_test(AT);
    run.id = store.begin(&wallet(), &run).await.unwrap();
    let later = AT + time::Duration::minutes(1);
    run.ready = Some(later);
    run.seen = later;
    run.ended = Some(later);
    run.why = Some("SIGTERM".into());
    run.first_mark = super::super::mark(Height(90), AT);
    run.last_mark = super::super::mark(Height(102), later);
    store.keep(&run).await.unwrap();
    let mut terms = Terms {
        topic: TopicId(67),
        height: 90,
        epoch: 12,
        blocks: 6,
        is_active: true,
        last_opened: Some(84),
    };
    store
        .note_terms("allora-localnet-1", &terms, AT)
        .await
        .unwrap();
    let same = Terms {
        height: 95,
        last_opened: None,
        ..terms
    };
    store
        .note_terms("allora-localnet-1", &same, AT)
        .await
        .unwrap();
    let past = read(&path).await;
    assert_eq!(past.runs, [run.clone()]);
    assert_eq!(past.terms, [terms], "nothing has changed");
    terms.epoch = 24;
    terms.height = 99;
    store
        .note_terms("allora-localnet-1", &terms, AT)
        .await
        .unwrap();
    assert_eq!(read(&path).await.terms.len(), 2);
    // The chain begins anew: runs on the last one go with it, that of this process has met both.
    let own = Run {
        id: 0,
        pid: std::process::id(),
        ended: None,
        started: later,
        ..run
    };
    let own = store.begin(&wallet(), &own).await.unwrap();
    store.set_aside(&wallet(), "another").await.unwrap();
    let ledger = Ledger::open(&path).await.unwrap().unwrap();
    let past = ledger.past(&wallet(), "uallo").await.unwrap();
    assert_eq!((past.windows.len(), past.terms.len()), (0, 0));
    let runs = past.runs.iter().map(|it| (it.id, it.last_mark));
    assert_eq!(runs.collect::<Vec<_>>(), [(own, None)]);
}

#[tokio::test]
async fn a_reader_writes_nothing_and_hears_of_what_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let store = filled(&path).await;
    let ledger = Ledger::open(&path).await.unwrap().unwrap();
    let before = ledger.data_version().await.unwrap();
    assert_eq!(ledger.data_version().await.unwrap(), before);
    store.append(&[step(300, State::Due)]).await.unwrap();
    assert_ne!(ledger.data_version().await.unwrap(), before);
    let refused = sqlx::query("DELETE FROM journal")
        .execute(&ledger.pool)
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn no_file_is_nothing_and_what_is_none_of_ours_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    assert!(Ledger::open(&path).await.unwrap().is_none());
    assert!(!path.exists());
    std::fs::write(
        &path,
        b"no database at all, but long enough to be taken for one",
    )
    .unwrap();
    let error = Ledger::open(&path).await.unwrap_err();
    assert!(error.is_damage(), "{error}");
}

#[tokio::test]
async fn tables_of_the_future_and_of_the_past_are_told_apart() {
    for (version, told) in [(99, "newer worker"), (7, "earlier version")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.db");
        let store = filled(&path).await;
        let sql = if version == 99 {
            "UPDATE _sqlx_migrations SET version = 99 WHERE version = (SELECT max(version) FROM _sqlx_migrations)"
        } else {
            "DELETE FROM _sqlx_migrations WHERE version > 6"
        };
        sqlx::query(sql).execute(&store.pool).await.unwrap();
        let error = Ledger::open(&path).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
