//! Answers are signed and journaled before their windows open; the opening only releases them.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    devnet::Control,
    forecast::{Fallback, Fitted, Forecaster, History, Source, Target},
    ops::Event,
    store::{Journal as _, StateName, Submission},
    types::{TopicId, WindowKey},
};
use tokio::sync::watch;

use crate::{
    doubles,
    harness::{EPOCH, Stage, TOPIC, WINDOW, eventually, topic},
    running::{Forecasts, Running},
};

/// The next nonce of the topics that open with the epochs.
async fn next_nonce(stage: &Stage) -> i64 {
    (stage.height().await.div_euclid(EPOCH) + 1) * EPOCH
}

/// What the journal holds of a topic's window.
async fn journal_of(stage: &Stage, id: TopicId, nonce: i64) -> Option<Submission> {
    let all = stage.store.recent(&stage.wallet(), 1_000).await.unwrap();
    all.into_iter()
        .find(|it| it.key.topic == id && it.key.nonce.0 == nonce)
}

/// Waits until the answer to a window that is not open yet is in the journal.
async fn prepared(stage: &Stage, id: TopicId, nonce: i64) -> Submission {
    let found = eventually(async || {
        let submission = journal_of(stage, id, nonce).await;
        submission.filter(|it| it.state.name() == StateName::Prepared)
    });
    let found = found.await;
    found.unwrap_or_else(|| panic!("no answer to {id}/{nonce} was prepared"))
}

/// Goes to the block before a window opens, with its answer ready.
async fn ready_for(stage: &Stage, ids: &[TopicId], nonce: i64) {
    stage.blocks_until(nonce - 1).await;
    for &id in ids {
        prepared(stage, id, nonce).await;
    }
}

async fn was_presigned(worker: &Running, id: TopicId, nonce: i64) -> bool {
    match worker.submitted_in(id, nonce).await {
        Event::Submitted { presigned, .. } => presigned,
        _ => unreachable!("it fits"),
    }
}

#[tokio::test]
async fn the_opening_releases_what_the_journal_holds() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[TOPIC], nonce).await;
    let before = prepared(&stage, TOPIC, nonce).await;
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.at(nonce)[0].hash, before.signed.unwrap().hash);
    worker.stop().await;
}

/// Forecasts the number of candles.
struct Counting;

impl Forecaster for Counting {
    fn fit_predict(&self, of: &History, _: Duration, _: Target) -> Result<Fitted, Fallback> {
        let count = u32::try_from(of.candles.len()).unwrap();
        Ok(Fitted {
            value: f64::from(count),
            source: Source::Full,
        })
    }
}

#[tokio::test]
async fn a_fresher_forecast_replaces_what_was_prepared() {
    let stage = Stage::new().await;
    let (candles, history) = watch::channel(doubles::history(28));
    let worker = stage
        .worker_with(|setup| {
            setup.forecaster = Arc::new(Counting);
            setup.history = history;
            setup.desk = Forecasts::Following;
        })
        .await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[TOPIC], nonce).await;
    let before = prepared(&stage, TOPIC, nonce).await;
    assert_eq!(before.value.as_deref(), Some("673"));
    candles.send_replace(doubles::history(29));

    let after = eventually(async || {
        let submission = journal_of(&stage, TOPIC, nonce).await?;
        (submission.value.as_deref() == Some("697")).then_some(submission)
    });
    let after = after.await.expect("the fresher forecast is prepared");
    assert_ne!(before.signed, after.signed);
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    worker.successful(nonce).await;
    assert_eq!(stage.truth().await.seen.len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn an_opening_that_comes_later_is_answered_at_once_and_what_was_prepared_is_withdrawn() {
    for blocks in [1, 2, 5] {
        let stage = Stage::new().await;
        let worker = stage.worker().await;
        let due = next_nonce(&stage).await;
        let delay = Control::DelayWindow {
            topic: TOPIC,
            blocks,
        };
        stage.control(delay).await;
        ready_for(&stage, &[TOPIC], due).await;
        let nonce = due + i64::from(blocks);
        for _ in 0..=blocks {
            stage.block().await;
            // Blocks of a chain are never this near to each other.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        worker.submitted(nonce).await;
        stage.block().await;
        assert_eq!(worker.successful(nonce).await, nonce + 1);
        stage.blocks_until(nonce + WINDOW + 1).await;
        worker.counted(nonce).await;
        stage.journaled(due, StateName::Superseded).await;
        let truth = stage.truth().await;
        assert_eq!(truth.each_answered_at_once(due), 1);
        assert_eq!(truth.seen.len(), 1, "{:#?}", truth.seen);
        let tally = worker.stop().await;
        assert_eq!((tally.answered, tally.missed), (1, 0));
    }
}

#[tokio::test]
async fn when_one_of_several_opens_later_each_is_answered_in_its_first_block() {
    let ids = [TopicId(1), TopicId(2), TopicId(3)];
    let stage = Stage::with(|config| config.topics = ids.map(topic).to_vec()).await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    let late = Control::DelayWindow {
        topic: ids[1],
        blocks: 1,
    };
    stage.control(late).await;
    ready_for(&stage, &ids, nonce).await;
    stage.block().await;
    for id in [ids[0], ids[2]] {
        worker.submitted_in(id, nonce).await;
    }
    stage.block().await;
    worker.submitted_in(ids[1], nonce + 1).await;
    stage.block().await;
    stage.close_window(nonce + 1).await;
    worker.counted_in(ids[1], nonce + 1).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 3);
    let sequences: Vec<_> = truth.seen.iter().map(|tx| tx.sequence).collect();
    assert_eq!(sequences, [0, 1]);
    worker.stop().await;
}

#[tokio::test]
async fn windows_of_neighbouring_blocks_are_signed_ahead_with_sequences_in_a_row() {
    let ids: Vec<_> = (1..=4).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
        for (offset, topic) in (0..).zip(&mut config.topics) {
            topic.offset = offset;
        }
    })
    .await;
    let worker = stage.worker().await;
    let first = next_nonce(&stage).await;
    stage.blocks_until(first - 1).await;
    for (&id, nonce) in ids.iter().zip(first..).take(3) {
        prepared(&stage, id, nonce).await;
    }
    for (&id, nonce) in ids.iter().zip(first..) {
        prepared(&stage, id, nonce).await;
        stage.block().await;
        assert!(was_presigned(&worker, id, nonce).await, "{id}");
    }
    stage.close_window(first + 3).await;
    worker.counted_in(ids[3], first + 3).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(first), 4);
    worker.stop().await;
}

#[tokio::test]
async fn sixty_four_windows_of_one_block_share_a_transaction() {
    let ids: Vec<_> = (1..=64).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
    })
    .await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &ids, nonce).await;
    stage.block().await;
    for &id in &ids {
        assert!(was_presigned(&worker, id, nonce).await, "{id}");
    }
    stage.block().await;
    stage.close_window(nonce).await;
    for &id in &ids {
        worker.counted_in(id, nonce).await;
    }
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 64);
    assert_eq!(truth.seen.len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn one_bad_topic_costs_the_others_a_block_and_nothing_else() {
    let ids: Vec<_> = (1..=5).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
    })
    .await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &ids, nonce).await;
    // Its standing changes after the answer is signed, so that only the block refuses it.
    stage.register(ids[2], false).await;
    stage.block().await;
    worker.submitted_in(ids[0], nonce).await;
    stage.block().await;
    let good: Vec<_> = ids.iter().filter(|id| **id != ids[2]).collect();
    for &&id in &good {
        let again = worker.expect_nth(2, "a second transaction", |event| {
            matches!(event, Event::Submitted { topic, nonce: n, .. }
                if *topic == id && n.0 == nonce)
        });
        again.await;
    }
    stage.block().await;
    stage.close_window(nonce).await;
    for &&id in &good {
        worker.counted_in(id, nonce).await;
    }
    let truth = stage.truth().await;
    for &&topic in &good {
        let key = WindowKey {
            topic,
            nonce: allora_worker::types::Nonce(nonce),
        };
        let answers: Vec<_> = truth
            .of(key)
            .iter()
            .map(|tx| (tx.code, tx.height))
            .collect();
        assert_eq!(answers[1..], [(0, nonce + 2)], "{answers:?}");
        assert_eq!(answers[0].0, 13, "{answers:?}");
    }
    worker.stop().await;
}

#[tokio::test]
async fn what_a_killed_worker_prepared_for_a_window_to_come_is_prepared_afresh() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[TOPIC], nonce).await;
    worker.kill().await;
    let worker = stage.worker().await;
    prepared(&stage, TOPIC, nonce).await;
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn what_a_killed_worker_prepared_for_a_window_that_never_opened_is_not_sent() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let due = next_nonce(&stage).await;
    let delay = Control::DelayWindow {
        topic: TOPIC,
        blocks: 2,
    };
    stage.control(delay).await;
    ready_for(&stage, &[TOPIC], due).await;
    worker.kill().await;
    stage.blocks_until(due + 2).await;
    let worker = stage.worker().await;
    worker.submitted(due + 2).await;
    stage.block().await;
    stage.close_window(due + 2).await;
    worker.counted(due + 2).await;
    stage.journaled(due, StateName::Superseded).await;
    let truth = stage.truth().await;
    assert_eq!(truth.seen.len(), 1, "{:#?}", truth.seen);
    assert_eq!(worker.stop().await.missed, 0);
}
