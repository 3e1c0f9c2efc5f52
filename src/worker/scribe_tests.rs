use std::sync::Mutex;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::*;
use crate::{
    store::{State, StoreError, Submission, Wallet},
    types::{Height, Nonce, TopicId, WindowKey},
};

/// A journal in memory that may hang.
#[derive(Default)]
struct Memory {
    writes: Mutex<Vec<Vec<i64>>>,
    hangs: watch::Sender<bool>,
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let mut hangs = self.hangs.subscribe();
        let _ = hangs.wait_for(|hangs| !hangs).await;
        let nonces = steps.iter().map(|step| step.key.nonce.0).collect();
        self.writes.lock().unwrap().push(nonces);
        Ok(())
    }

    async fn unfinished(&self, _: &Wallet) -> Result<Vec<Submission>, StoreError> {
        Ok(Vec::new())
    }

    async fn recent(&self, _: &Wallet, _: u32) -> Result<Vec<Submission>, StoreError> {
        Ok(Vec::new())
    }

    async fn set_aside(&self, _: &Wallet, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

fn step(nonce: i64) -> Vec<Transition> {
    vec![Transition {
        at: OffsetDateTime::UNIX_EPOCH,
        wallet: Wallet {
            chain_id: "c".into(),
            address: "a".into(),
        },
        key: WindowKey {
            topic: TopicId(67),
            nonce: Nonce(nonce),
        },
        window_end: Height(nonce + 10),
        value: None,
        report: None,
        state: State::Superseded,
    }]
}

#[tokio::test(start_paused = true)]
async fn what_queues_up_is_written_in_order_and_together() {
    let journal = Arc::new(Memory::default());
    let (scribe, writing) = Scribe::new(journal.clone(), Reporter::recording().0);
    journal.hangs.send_replace(true);
    let task = tokio::spawn(writing.run(CancellationToken::new()));
    let first = scribe.write(step(1));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!first.is_settled());
    let (second, third) = (scribe.write(step(2)), scribe.write(step(3)));
    journal.hangs.send_replace(false);
    for written in [first, second, third] {
        written.clone().settled().await;
        assert!(written.is_settled());
    }
    drop(scribe);
    task.await.unwrap();
    assert_eq!(*journal.writes.lock().unwrap(), [vec![1], vec![2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_told_once_and_holds_nothing_up() {
    let (reporter, recording) = Reporter::recording();
    let journal = Arc::new(Memory::default());
    journal.hangs.send_replace(true);
    let (scribe, writing) = Scribe::new(journal.clone(), reporter);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(writing.run(cancel.clone()));
    for nonce in 1..=2 {
        let written = scribe.write(step(nonce));
        written.clone().settled().await;
        assert!(!written.is_settled());
    }
    let troubles = recording.count(|event| matches!(event, Event::Trouble { .. }));
    assert_eq!(troubles, 1);
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn nothing_to_write_is_written_at_once() {
    let (scribe, _writing) = Scribe::new(Arc::new(Memory::default()), Reporter::recording().0);
    assert!(scribe.write(Vec::new()).is_settled());
}
