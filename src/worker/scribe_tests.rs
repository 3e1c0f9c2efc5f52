use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::{
    store::{StoreError, Submission, Wallet},
    worker::backlog,
};

/// A journal in memory that may hang.
#[derive(Default)]
struct Memory {
    writes: Mutex<Vec<Vec<i64>>>,
    hangs: watch::Sender<bool>,
    /// Answers in place of a write, the last first.
    refusals: Mutex<Vec<StoreError>>,
    /// A nonce that it never takes.
    never: Option<i64>,
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let mut hangs = self.hangs.subscribe();
        let _ = hangs.wait_for(|hangs| !hangs).await;
        if let Some(refusal) = self.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        if steps
            .iter()
            .any(|step| Some(step.key.nonce.0) == self.never)
        {
            return Err(failed(sqlx::Error::Encode("on purpose".into())));
        }
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

fn failed(cause: sqlx::Error) -> StoreError {
    let place = "here".into();
    StoreError::Database { place, cause }
}

fn full() -> StoreError {
    failed(sqlx::Error::Io(std::io::ErrorKind::StorageFull.into()))
}

fn step(nonce: i64) -> Vec<Transition> {
    vec![backlog::tests::step(nonce)]
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
        // Nobody waits for what stands behind a write that hangs.
        assert_eq!(written.is_settled(), nonce == 2);
        sleep(Duration::from_millis(1)).await;
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

#[tokio::test(start_paused = true)]
async fn what_a_full_disk_refuses_holds_nothing_up_and_is_written_later_in_order() {
    let (reporter, recording) = Reporter::recording();
    let journal = Arc::new(Memory {
        refusals: Mutex::new(vec![full(), full(), full()]),
        ..Memory::default()
    });
    let (scribe, writing) = Scribe::new(journal.clone(), reporter);
    let task = tokio::spawn(writing.run(CancellationToken::new()));
    for nonce in 1..=2 {
        let written = scribe.write(step(nonce));
        written.clone().settled().await;
        assert!(written.is_settled());
    }
    assert!(journal.writes.lock().unwrap().is_empty());
    sleep(AGAIN * 3).await;
    assert_eq!(*journal.writes.lock().unwrap(), [vec![1, 2]]);
    let troubles = recording.count(|event| matches!(event, Event::Trouble { .. }));
    let back = recording.count(|event| matches!(event, Event::Notice { .. }));
    assert_eq!((troubles, back), (1, 1));
    drop(scribe);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_step_that_can_never_be_written_stands_in_nobodys_way() {
    let (reporter, recording) = Reporter::recording();
    let journal = Arc::new(Memory {
        never: Some(2),
        refusals: Mutex::new(vec![full()]),
        ..Memory::default()
    });
    let (scribe, writing) = Scribe::new(journal.clone(), reporter);
    for nonce in 1..=3 {
        scribe.write(step(nonce));
    }
    drop(scribe);
    writing.run(CancellationToken::new()).await;
    let written = journal.writes.lock().unwrap().concat();
    assert_eq!(written, [1, 3]);
    let refused = |event: &Event| matches!(event, Event::Trouble { cause, .. } if cause.contains("refuses the step"));
    assert_eq!(recording.count(refused), 1);
}

#[tokio::test(start_paused = true)]
async fn what_no_disk_took_until_the_end_is_told() {
    let (reporter, recording) = Reporter::recording();
    let refusals = std::iter::repeat_with(full).take(9).collect();
    let journal = Arc::new(Memory {
        refusals: Mutex::new(refusals),
        ..Memory::default()
    });
    let (scribe, writing) = Scribe::new(journal, reporter);
    scribe.write(step(1));
    drop(scribe);
    writing.run(CancellationToken::new()).await;
    let forsaken =
        |event: &Event| matches!(event, Event::Trouble { cause, .. } if cause.contains("1 steps"));
    assert_eq!(recording.count(forsaken), 1);
}
