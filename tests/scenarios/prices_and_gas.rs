//! The price of gas rises and falls, and limits turn out too low.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    chain::Uallo, clock::SimulatedClock, devnet::Control, learning::Network as _, ops::Event,
    worker::Bystander,
};

use time::OffsetDateTime;

use crate::{
    harness::{Stage, WAIT},
    running::Setup,
};

#[tokio::test]
async fn a_price_that_rose_is_paid_in_the_same_window() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage.control(Control::GasPrice(20)).await;
    let nonce = stage.answer_a_window(&worker).await;
    let next = worker.refused(1, 13).await;
    assert!(next.contains("present price"), "{next}");
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.at(nonce)[0].fee, 250_000 * 30);
    worker.stop().await;
}

#[tokio::test]
async fn above_the_cap_nothing_is_sent_until_the_price_falls() {
    let stage = Stage::new().await;
    let (sender, chain) = tokio::sync::oneshot::channel();
    let worker = stage
        .worker_with(|setup| {
            setup.fees.max_fee = Uallo(5_000_000);
            setup.bystander = Some(sender);
        })
        .await;
    stage.control(Control::GasPrice(20)).await;
    let nonce = stage.open_window().await;
    let next = worker.delayed("above the cap").await;
    assert!(next.contains("fees.max_fee"), "{next}");
    for _ in 0..3 {
        stage.block().await;
    }
    // Meanwhile those who ask out of interest may.
    let bystander = Bystander::paced(chain.await.unwrap(), Duration::from_millis(1));
    let calm = tokio::time::timeout(WAIT, bystander.calm()).await;
    assert!(calm.is_ok(), "what waits for a lower price holds nobody up");
    stage.control(Control::GasPrice(10)).await;
    for _ in 0..2 {
        stage.block().await;
        // A new price is learnt off the path, so the worker is given the time to ask.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(nonce), 1);
    assert_eq!(truth.at(nonce).len(), 1);
    assert!(truth.at(nonce)[0].fee <= 5_000_000);
    let told = worker
        .told
        .count(|event| matches!(event, Event::SubmissionDelayed { .. }));
    assert_eq!(told, 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_gas_limit_that_was_too_low_is_raised_once() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.fees.gas_limit = 100_000)
        .await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.block().await;
    let next = worker.refused(1, 11).await;
    assert!(next.contains("fees.gas_limit"), "{next}");
    worker
        .expect_nth(2, "sent again", |event| {
            matches!(event, Event::Submitted { .. })
        })
        .await;
    stage.block().await;
    assert_eq!(worker.successful(nonce).await, nonce + 2);
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(nonce), 1);
    let gas: Vec<_> = truth.at(nonce).iter().map(|tx| (tx.code, tx.gas)).collect();
    assert_eq!(gas, [(11, 100_000), (0, 150_000)]);
    worker.stop().await;
}

#[tokio::test]
async fn above_the_fees_of_a_day_nothing_is_sent_until_they_are_a_day_old() {
    let stage = Stage::new().await;
    let clock = SimulatedClock::starting_at(OffsetDateTime::now_utc());
    // Room for two answers of 3,750,000.
    let limited = |setup: &mut Setup| {
        setup.fees.max_fee_per_day = Uallo(8_000_000);
        setup.clock = Arc::new(clock.clone());
    };
    let worker = stage.worker_with(limited).await;
    let first = stage.answer_a_window(&worker).await;
    worker.stop().await;
    // The second one is another run's: what the first paid is in the journal.
    let worker = stage.worker_with(limited).await;
    stage.answer_a_window(&worker).await;
    let third = stage.open_window().await;
    let next = worker.delayed("fees.max_fee_per_day").await;
    assert!(next.contains("nothing is sent until"), "{next}");
    stage.block().await;
    assert_eq!(stage.truth().await.seen.len(), 2, "nothing more is sent");
    // Half a day on it is still so; after a day it goes on by itself.
    clock.set(OffsetDateTime::now_utc() + Duration::from_hours(12));
    stage.block().await;
    assert_eq!(stage.truth().await.seen.len(), 2);
    clock.set(OffsetDateTime::now_utc() + Duration::from_hours(24) + WAIT);
    stage.block().await;
    worker.submitted(third).await;
    stage.close_window(third).await;
    worker.counted(third).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(first), 3);
    worker.stop().await;
}
