//! What is signed before its window opens, as the journal and the events tell.

use allora_worker::{
    ops::Event,
    store::{Journal as _, StateName, Submission},
    types::TopicId,
};

use crate::{
    harness::{EPOCH, Stage, eventually},
    running::Running,
};

/// The next nonce of the topics that open with the epochs.
pub(crate) async fn next_nonce(stage: &Stage) -> i64 {
    (stage.height().await.div_euclid(EPOCH) + 1) * EPOCH
}

/// What the journal holds of a topic's window.
pub(crate) async fn journal_of(stage: &Stage, id: TopicId, nonce: i64) -> Option<Submission> {
    let all = stage.store.recent(&stage.wallet(), 1_000).await.unwrap();
    all.into_iter()
        .find(|it| it.key.topic == id && it.key.nonce.0 == nonce)
}

/// Waits until the answer to a window that is not open yet is in the journal.
pub(crate) async fn prepared(stage: &Stage, id: TopicId, nonce: i64) -> Submission {
    let found = eventually(async || {
        let submission = journal_of(stage, id, nonce).await;
        submission.filter(|it| it.state.name() == StateName::Prepared)
    });
    let found = found.await;
    found.unwrap_or_else(|| panic!("no answer to {id}/{nonce} was prepared"))
}

/// Goes to the block before a window opens, with its answer ready.
pub(crate) async fn ready_for(stage: &Stage, ids: &[TopicId], nonce: i64) {
    stage.blocks_until(nonce - 1).await;
    for &id in ids {
        prepared(stage, id, nonce).await;
    }
}

pub(crate) async fn was_presigned(worker: &Running, id: TopicId, nonce: i64) -> bool {
    match worker.submitted_in(id, nonce).await {
        Event::Submitted { presigned, .. } => presigned,
        _ => unreachable!("it fits"),
    }
}
