//! Someone else signs with the same key, or the chain says that another sequence number is due: the
//! window is answered all the same.

use allora_worker::{
    devnet::{Control, Stage as At},
    store::StateName,
    types::{Nonce, TopicId, WindowKey},
};

use crate::{
    harness::{COINS, Stage, TOPIC, topic},
    running::Forecasts,
    twin::Twin,
};

#[tokio::test]
async fn another_process_with_the_same_key_costs_no_window() {
    let stage = Stage::with(|config| config.topics.push(topic(TopicId(68)))).await;
    stage.register(TopicId(68), false).await;
    let worker = stage.worker_with(|setup| setup.topics = vec![TOPIC]).await;
    let first = stage.answer_a_window(&worker).await;
    Twin::of(&stage).await.register(TopicId(68)).await;

    let last = stage.answer_a_window(&worker).await;
    let next = worker.refused(1, 32).await;
    assert!(next.contains("sequence"), "{next}");
    let truth = stage.truth().await;
    let ours = truth.opened.iter().filter(|(key, _)| key.topic == TOPIC);
    assert_eq!(ours.filter(|(key, _)| key.nonce.0 >= first).count(), 2);
    for nonce in [first, last] {
        let answers = truth.at(nonce);
        assert_eq!(answers.len(), 1, "{answers:#?}");
        assert_eq!((answers[0].code, answers[0].height), (0, nonce + 1));
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_sequence_that_went_on_is_read_from_the_text() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let first = stage.answer_a_window(&worker).await;
    for sequence in [7, 41] {
        let address = stage.address.clone();
        stage.control(Control::Sequence { address, sequence }).await;
        let nonce = stage.answer_a_window(&worker).await;
        let truth = stage.truth().await;
        assert_eq!(truth.at(nonce)[0].sequence, sequence);
    }
    assert_eq!(stage.truth().await.each_answered_at_once(first), 3);
    worker.stop().await;
}

#[tokio::test]
async fn a_text_without_the_number_sends_the_worker_to_the_account() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let address = stage.address.clone();
    stage
        .control(Control::Sequence {
            address,
            sequence: 5,
        })
        .await;
    let refusal = Control::refuse(At::Check, "sdk", 32, "incorrect account sequence");
    stage.control(refusal).await;
    let nonce = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn an_answer_that_a_twin_gave_is_taken_for_ours() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.desk = Forecasts::Unready)
        .await;
    let nonce = stage.open_window().await;
    let key = WindowKey {
        topic: TOPIC,
        nonce: Nonce(nonce),
    };
    // The twin is first in the block; the worker's own transaction follows it and is refused.
    worker.submitted(nonce).await;
    stage.control(Control::EvictMempool).await;
    Twin::of(&stage).await.answer(key).await;
    for _ in 0..4 {
        stage.block().await;
    }
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    stage.journaled(nonce, StateName::Counted).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_wallet_that_is_emptied_and_filled_again_within_a_window_answers_it() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let fund = |balance| Control::Fund {
        address: stage.address.clone(),
        balance,
    };
    stage.control(fund(0)).await;
    let nonce = stage.open_window().await;
    let next = worker.refused(1, 5).await;
    assert!(next.contains("send coins"), "{next}");
    stage.block().await;
    stage.control(fund(COINS)).await;
    stage.block().await;
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    worker.stop().await;
}
