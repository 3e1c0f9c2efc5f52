//! What stands in the way of a topic or of the start: it is told with its remedy, and waited for
//! where waiting helps.

use std::time::Duration;

use allora_worker::{
    devnet::{Control, OutputArity},
    ops::Event,
    types::TopicId,
    worker::StartError,
};

use crate::{
    harness::{COINS, Stage, TOPIC, eventually, topic},
    running::{Running, Setup},
};

fn eager(setup: &mut Setup) {
    setup.config.poll_interval = Duration::from_millis(100);
}

#[tokio::test]
async fn a_missing_registration_is_made_and_its_fee_shown_first() {
    let stage = Stage::new().await;
    stage.register(TOPIC, false).await;
    let worker = stage.start_with(|_| {});
    let shown = worker
        .expect("a registration", |event| {
            matches!(event, Event::Registering { .. })
        })
        .await;
    assert!(matches!(shown, Event::Registering { fee, .. } if fee.0 == 200));
    let sent = eventually(async || {
        let told = &stage
            .ask(&[("num_unconfirmed_txs", serde_json::json!({}))])
            .await[0];
        (told["n_txs"] == "1").then_some(())
    });
    assert!(sent.await.is_some(), "no registration was sent");
    stage.block().await;
    worker
        .expect("registered", |event| {
            matches!(event, Event::Registered { .. })
        })
        .await;
    worker.ready().await;
    let nonce = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.seen.len(), 2, "{:#?}", truth.seen);
    worker.stop().await;
}

#[tokio::test]
async fn without_leave_to_register_the_operator_is_told_and_a_registration_from_outside_is_seen() {
    let stage = Stage::new().await;
    stage.register(TOPIC, false).await;
    let worker = stage
        .worker_with(|setup| {
            eager(setup);
            setup.config.auto_register = false;
        })
        .await;
    let remedy = worker.unavailable("not registered").await;
    assert!(remedy.contains("--no-register"), "{remedy}");
    seen_when_lifted(
        &stage,
        &worker,
        Control::Register {
            topic: TOPIC,
            address: stage.address.clone(),
            registered: true,
        },
    )
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn a_wallet_that_is_not_whitelisted_is_told_so_and_answers_once_it_is() {
    let stage = Stage::new().await;
    let allow = |allowed| Control::Whitelist {
        topic: TOPIC,
        address: stage.address.clone(),
        allowed,
    };
    stage.control(allow(false)).await;
    let worker = stage.worker_with(eager).await;
    let remedy = worker.unavailable("whitelist").await;
    assert!(remedy.contains("creator"), "{remedy}");
    seen_when_lifted(&stage, &worker, allow(true)).await;
    worker.stop().await;
}

/// Nothing is sent in one window; the obstacle is lifted in the next one, which is answered.
async fn seen_when_lifted(stage: &Stage, worker: &Running, lift: Control) {
    let first = stage.open_window().await;
    worker.window_open(first).await;
    stage.close_window(first).await;
    let nonce = stage.open_window().await;
    worker.window_open(nonce).await;
    stage.block().await;
    stage.control(lift).await;
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert!(truth.at(first).is_empty());
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    let told = worker
        .told
        .count(|event| matches!(event, Event::TopicUnavailable { .. }));
    assert_eq!(told, 1, "it is told once");
}

#[tokio::test]
async fn an_inactive_topic_is_told_of_and_answered_once_it_is_active() {
    let stage = Stage::new().await;
    let active = |active| Control::TopicActive {
        topic: TOPIC,
        active,
    };
    stage.control(active(false)).await;
    let worker = stage.worker_with(eager).await;
    let remedy = worker.unavailable("not active").await;
    assert!(remedy.contains("number"), "{remedy}");
    stage.control(active(true)).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_obstacle_in_one_topic_is_none_for_another() {
    let other = TopicId(68);
    let stage = Stage::with(|config| config.topics.push(topic(other))).await;
    stage.register(other, false).await;
    let worker = stage
        .worker_with(|setup| setup.config.auto_register = false)
        .await;
    let nonce = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.at(nonce).len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_wallet_without_coins_waits_for_them_and_says_so_once() {
    let stage = Stage::with(|config| config.funded.clear()).await;
    let worker = stage.start_with(|_| {});
    let remedy = worker.trouble("has no coins").await;
    assert!(remedy.contains("send ALLO to"), "{remedy}");
    let address = stage.address.clone();
    tokio::time::sleep(Duration::from_secs(6)).await;
    stage
        .control(Control::Fund {
            address,
            balance: COINS,
        })
        .await;
    worker.ready().await;
    let told = worker
        .told
        .count(|event| matches!(event, Event::Trouble { .. }));
    assert_eq!(told, 1);
    let nonce = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_low_balance_is_warned_of() {
    let stage = Stage::with(|config| config.funded[1].1 = 1_000_000_000).await;
    let worker = stage.worker().await;
    worker
        .expect("a warning", |event| {
            matches!(event, Event::BalanceLow { remedy, .. } if remedy.contains("send ALLO to"))
        })
        .await;
    stage.answer_a_window(&worker).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_ends_the_start() {
    let stage = Stage::new().await;
    let worker = stage.start_with(|setup| setup.topics.push(TopicId(99)));
    let error = worker.end().await.unwrap_err();
    assert!(matches!(
        error,
        StartError::NoTopic {
            topic: TopicId(99),
            ..
        }
    ));
    let text = error.to_string();
    assert!(
        text.contains("no topic 99") && text.contains("--topic"),
        "{text}"
    );
}

#[tokio::test]
async fn a_topic_with_many_outputs_ends_the_start() {
    let stage = Stage::with(|config| {
        config.topics[0].arity = OutputArity::Multi;
        config.topics[0].label_whitelist = vec!["up".into(), "down".into()];
        config.topics[0].max_labels = 2;
    })
    .await;
    let error = stage.start_with(|_| {}).end().await.unwrap_err();
    assert!(matches!(
        error,
        StartError::ManyOutputs { topic: TOPIC, .. }
    ));
    let text = error.to_string();
    assert!(
        text.contains("up, down") && text.contains("leave it out"),
        "{text}"
    );
}

#[tokio::test]
async fn a_node_of_another_chain_ends_the_start() {
    let stage = Stage::new().await;
    let worker = stage.start_with(|setup| setup.network.chain_id = "allora-mainnet-1".into());
    let text = worker.end().await.unwrap_err().to_string();
    for part in ["allora-devnet-1", "allora-mainnet-1", "--chain-id"] {
        assert!(text.contains(part), "{text}");
    }
}
