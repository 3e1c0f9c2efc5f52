//! Each code that the chain answers a submission with, at the mempool and in the block: what is done,
//! and that it never leads to two answers or to a late one.

use std::time::{Duration, Instant};

use allora_worker::{
    devnet::{
        Control, Indexer, Rival,
        Stage::{self as At, Check, Deliver},
    },
    ops::Event,
    store::StateName,
    types::{Nonce, WindowKey},
};
use rstest::rstest;

use crate::{
    harness::{Stage, TOPIC, WINDOW, topic},
    running::Running,
    twin::Twin,
};

/// What becomes of a window whose first transaction is refused.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It is answered in its first block.
    AtOnce,
    /// It is answered in a later block.
    Later,
}
use Then::{AtOnce, Later};

/// Time for the worker to act on a block.
const MOMENT: Duration = Duration::from_millis(60);
const BUNDLE: &str = "Error validating worker data bundle: signature verification failed";
const SEQUENCE: &str = "account sequence mismatch, expected 1, got 0";

#[rstest]
#[case(Check, "emissions", 75, "unfulfilled nonce not found", Later)]
#[case(Check, "emissions", 13, "address not registered", Later)]
#[case(Check, "emissions", 83, "not permitted", Later)]
#[case(Check, "sdk", 5, "insufficient funds", Later)]
#[case(Check, "sdk", 9, "unknown address", Later)]
#[case(Check, "sdk", 20, "mempool is full", Later)]
#[case(Check, "mystery", 99, "never seen", Later)]
#[case(Check, "sdk", 19, "tx already in mempool", Later)]
#[case(Check, "sdk", 32, "incorrect account sequence", AtOnce)]
#[case(Check, "sdk", 13, "insufficient fee", AtOnce)]
#[case(Check, "sdk", 11, "out of gas", AtOnce)]
#[case(Check, "sdk", 2, "tx parse error", AtOnce)]
#[case(Check, "sdk", 6, "unknown request", AtOnce)]
#[case(Check, "sdk", 4, "verify account number and chain-id", AtOnce)]
#[case(Check, "sdk", 4, BUNDLE, Later)]
#[case(Check, "sdk", 18, "invalid request", Later)]
#[case(Check, "sdk", 30, "tx timeout height", Later)]
#[case(Check, "emissions", 67, "worker nonce window not available", Later)]
#[case(Check, "emissions", 71, "invalid bundle", Later)]
#[case(Check, "emissions", 47, "invalid signature", Later)]
#[case(Deliver, "emissions", 75, "unfulfilled nonce not found", Later)]
#[case(Deliver, "emissions", 13, "address not registered", Later)]
#[case(Deliver, "emissions", 83, "not permitted", Later)]
#[case(Deliver, "sdk", 5, "insufficient funds", Later)]
#[case(Deliver, "sdk", 32, SEQUENCE, Later)]
#[case(Deliver, "sdk", 13, "insufficient fee", Later)]
#[case(Deliver, "sdk", 11, "out of gas", Later)]
#[case(Deliver, "sdk", 2, "tx parse error", Later)]
#[case(Deliver, "mystery", 99, "never seen", Later)]
#[case(Deliver, "sdk", 4, BUNDLE, Later)]
#[case(Deliver, "sdk", 18, "invalid request", Later)]
#[case(Deliver, "sdk", 30, "tx timeout height", Later)]
#[case(Deliver, "emissions", 67, "worker nonce window not available", Later)]
#[case(Deliver, "emissions", 71, "invalid bundle", Later)]
#[case(Deliver, "emissions", 47, "invalid signature", Later)]
#[tokio::test]
async fn a_refusal_leads_to(
    #[case] at: At,
    #[case] codespace: &str,
    #[case] code: u32,
    #[case] log: &str,
    #[case] then: Then,
) {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage
        .control(Control::refuse(at, codespace, code, log))
        .await;
    let nonce = stage.open_window().await;
    if code != 19 {
        if at == Deliver {
            worker.submitted(nonce).await;
            stage.block().await;
        }
        let next = worker.refused(1, code).await;
        assert!(!next.is_empty());
    }
    match then {
        AtOnce => {
            worker.submitted(nonce).await;
            stage.block().await;
            assert_eq!(worker.successful(nonce).await, nonce + 1);
            count(&stage, &worker, nonce).await;
        }
        Later => {
            let is_in_a_block = || {
                let told = |event: &Event| matches!(event, Event::SubmissionSuccessful { .. });
                worker.told.count(told) > 0
            };
            while stage.height().await < nonce + WINDOW - 2 && !is_in_a_block() {
                stage.block().await;
                // A busy machine takes its time to sign anew.
                let end = Instant::now() + MOMENT * 8;
                while Instant::now() < end && !is_in_a_block() {
                    tokio::time::sleep(MOMENT / 6).await;
                }
            }
            assert!(worker.successful(nonce).await > nonce + 1);
            count(&stage, &worker, nonce).await;
        }
    }
    let truth = stage.truth().await;
    truth.nothing_is_late();
    let codes: Vec<_> = truth.at(nonce).iter().map(|tx| tx.code).collect();
    let mut expected = Vec::new();
    expected.extend((at == Deliver).then_some(code));
    expected.push(0);
    assert_eq!(codes, expected);
    worker.stop().await;
}

async fn count(stage: &Stage, worker: &Running, nonce: i64) {
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    stage.journaled(nonce, StateName::Counted).await;
}

/// An answer that every mempool takes for malformed is written anew a few times, and no more.
#[tokio::test]
async fn an_answer_that_stays_malformed_is_given_up() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    for _ in 0..40 {
        let refusal = Control::refuse(Check, "emissions", 71, "invalid bundle");
        stage.control(refusal).await;
    }
    let nonce = stage.open_window().await;
    worker.refused(1, 71).await;
    stage.blocks_at_leisure(nonce + WINDOW - 1, MOMENT).await;
    let cause = worker.missed(nonce).await;
    assert!(cause.contains("71"), "{cause}");
    stage.close_window(nonce).await;
    stage.journaled(nonce, StateName::Expired).await;
    let refused = worker
        .told
        .count(|event| matches!(event, Event::SubmissionRefused { .. }));
    assert_eq!(refused, 5);
    worker.stop().await;
}

#[tokio::test]
async fn three_refusals_that_cost_a_fee_are_enough() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    for _ in 0..5 {
        let refusal = Control::refuse(Deliver, "emissions", 75, "unfulfilled nonce not found");
        stage.control(refusal).await;
    }
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    // What the worker has not heard of a refusal before the next block may cost it one more.
    stage.blocks_at_leisure(nonce + WINDOW, MOMENT * 5).await;
    worker.missed(nonce).await;
    stage.close_window(nonce).await;
    let truth = stage.truth().await;
    let codes: Vec<_> = truth.at(nonce).iter().map(|tx| tx.code).collect();
    assert_eq!(codes, [75, 75, 75]);
    worker.stop().await;
}

#[tokio::test]
async fn a_nonce_that_stays_closed_is_given_up_at_the_windows_end() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    for _ in 0..40 {
        let refusal = Control::refuse(Check, "emissions", 75, "unfulfilled nonce not found");
        stage.control(refusal).await;
    }
    let nonce = stage.open_window().await;
    worker.refused(1, 75).await;
    stage.blocks_at_leisure(nonce + WINDOW, MOMENT).await;
    stage.close_window(nonce).await;
    worker.missed(nonce).await;
    stage.journaled(nonce, StateName::Expired).await;
    let refused = worker
        .told
        .count(|event| matches!(event, Event::SubmissionRefused { .. }));
    assert!((2..=9).contains(&refused), "{refused} attempts");
    assert!(stage.truth().await.seen.is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn a_registration_that_ends_and_returns_within_a_window_costs_one_try() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.config.auto_register = false)
        .await;
    stage.register(TOPIC, false).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.blocks_at_leisure(nonce + 3, MOMENT).await;
    worker.refused(1, 13).await;
    stage.register(TOPIC, true).await;
    stage.blocks_at_leisure(nonce + 6, MOMENT).await;
    count(&stage, &worker, nonce).await;
    let truth = stage.truth().await;
    let codes: Vec<_> = truth.at(nonce).iter().map(|tx| tx.code).collect();
    assert_eq!(codes, [13, 0]);
    worker.stop().await;
}

#[rstest]
#[case(0.9, StateName::Outranked)]
#[case(-0.9, StateName::Counted)]
#[tokio::test]
async fn with_one_place_the_better_score_counts(#[case] rival: f64, #[case] state: StateName) {
    let stage = with_rival(rival).await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.block().await;
    // Delivered either way.
    assert_eq!(worker.successful(nonce).await, nonce + 1);
    stage.close_window(nonce).await;
    told_of(&worker, state).await;
    stage.journaled(nonce, state).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn outranked_without_indexer_and_events_is_still_delivered() {
    let stage = with_rival(0.9).await;
    let worker = stage.worker().await;
    stage.control(Control::Indexer(Indexer::Off)).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.control(Control::RefuseSubscribes(100_000)).await;
    stage.control(Control::DropSockets).await;
    stage.close_window(nonce).await;
    told_of(&worker, StateName::Outranked).await;
    stage.journaled(nonce, StateName::Outranked).await;
    worker.stop().await;
}

#[tokio::test]
async fn outranked_by_a_twins_answer_is_delivered_and_not_tried_again() {
    let stage = with_rival(0.9).await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.control(Control::EvictMempool).await;
    let key = WindowKey {
        topic: TOPIC,
        nonce: Nonce(nonce),
    };
    Twin::of(&stage).await.answer(key).await;
    stage.blocks_at_leisure(nonce + 6, MOMENT).await;
    stage.close_window(nonce).await;
    told_of(&worker, StateName::Outranked).await;
    let truth = stage.truth().await;
    let codes: Vec<_> = truth.at(nonce).iter().map(|tx| tx.code).collect();
    assert_eq!(codes, [0, 78]);
    worker.stop().await;
}

async fn with_rival(score: f64) -> Stage {
    Stage::with(|config| {
        config.max_top_inferers = 1;
        let mut one = topic(TOPIC);
        one.rivals.push(Rival {
            address: "allo1rival".into(),
            score,
            value: "0.1".into(),
        });
        config.topics = vec![one];
    })
    .await
}

async fn told_of(worker: &Running, state: StateName) {
    worker
        .expect(&format!("{state:?}"), |event| match event {
            Event::Outranked { places, .. } => state == StateName::Outranked && *places == 1,
            Event::Counted { .. } => state == StateName::Counted,
            _ => false,
        })
        .await;
}
