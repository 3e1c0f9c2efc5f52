//! Endpoints that are away, that answer nonsense, or that hang: another one is used in time.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    devnet::{Answer, Control, Fault, Order, When, WindowRecord},
    ops::Event,
    store::Store,
};
use rstest::rstest;
use tokio::{io::AsyncReadExt as _, net::TcpListener};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{
    gate::Gate,
    harness::{EPOCH, Stage, WINDOW, eventually},
};

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A server that reads and never answers.
async fn hanging() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut sink = [0; 1024];
                while client.read(&mut sink).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    format!("http://{address}")
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// A worker with this endpoint before the sound one answers two windows at once.
async fn passed_over(bad: String) {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| {
            setup.chain.request_timeout = Duration::from_millis(300);
            setup.network.rpc.insert(0, bad.clone());
        })
        .await;
    worker.node_trouble(&bad).await;
    let first = stage.answer_a_window(&worker).await;
    stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(first), 2);
    worker.stop().await;
}

#[tokio::test]
async fn an_endpoint_at_which_nobody_listens() {
    passed_over(nobody().await).await;
}

#[tokio::test]
async fn an_endpoint_that_hangs() {
    passed_over(hanging().await).await;
}

#[rstest]
#[case(200, "<html>It works!</html>")]
#[case(429, "slow down")]
#[case(502, "<html>Bad Gateway</html>")]
#[case(200, "{\"jsonrpc\":\"2.0\",\"id\":1}")]
#[tokio::test]
async fn an_endpoint_that_answers_no_json_rpc(#[case] status: u16, #[case] body: &str) {
    let server = answering(status, body).await;
    passed_over(server.uri()).await;
}

/// The endpoint that is in use fails when the window opens.
#[rstest]
#[case(Answer::Http { status: 502, content_type: "text/html".into(), body: "<html>".into() })]
#[case(Answer::Http { status: 429, content_type: "text/plain".into(), body: "slow".into() })]
#[case(Answer::Delay(Duration::from_secs(60)))]
#[tokio::test]
async fn an_endpoint_that_fails_at_the_broadcast_is_followed_by_the_next(#[case] with: Answer) {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| {
            setup.chain.request_timeout = Duration::from_millis(300);
            setup.network.rpc = vec![stage.devnet.rpc_url(), gate.rpc_url()];
        })
        .await;
    let method = "broadcast_tx_sync".to_owned();
    stage
        .control(Control::Answer {
            method,
            times: 1,
            with,
        })
        .await;
    let nonce = stage.open_window().await;
    let Event::Submitted { endpoint, .. } = worker.submitted(nonce).await else {
        unreachable!("it fits");
    };
    assert_eq!(endpoint, gate.rpc_url());
    stage.block().await;
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_node_that_swallowed_the_bytes_and_one_that_takes_them_again_make_one_transaction() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| {
            setup.chain.request_timeout = Duration::from_millis(300);
            setup.network.rpc.push(gate.rpc_url());
        })
        .await;
    stage
        .control(Control::Answer {
            method: "broadcast_tx_sync".into(),
            times: 1,
            with: Answer::Swallow,
        })
        .await;
    let nonce = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_at_once(nonce)),
        (1, 1)
    );
    worker.stop().await;
}

#[tokio::test]
async fn with_all_endpoints_away_a_window_is_answered_when_they_are_back_in_time() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| {
            setup.network.rpc = vec![gate.rpc_url()];
        })
        .await;
    gate.set_open(false);
    let nonce = stage.open_window().await;
    let next = worker.delayed("no node answered").await;
    assert!(next.contains("same transaction"), "{next}");
    stage.block().await;
    stage.block().await;
    gate.set_open(true);
    worker.submitted(nonce).await;
    stage.block().await;
    assert_eq!(worker.successful(nonce).await, nonce + 3);
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    worker.stop().await;
}

#[tokio::test]
async fn with_events_and_endpoints_away_at_the_opening_the_window_is_still_answered() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| {
            setup.network.rpc = vec![gate.rpc_url()];
            setup.network.ws = vec![gate.ws_url()];
        })
        .await;
    gate.set_open(false);
    let nonce = stage.open_window().await;
    stage.block().await;
    gate.set_open(true);
    worker.submitted(nonce).await;
    for _ in 0..3 {
        stage.block().await;
    }
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.each_answered_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn with_all_endpoints_away_until_the_end_the_window_is_told_as_missed() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| setup.network.rpc = vec![gate.rpc_url()])
        .await;
    gate.set_open(false);
    let nonce = stage.open_window().await;
    worker.delayed("no node answered").await;
    stage.blocks_until(nonce + WINDOW + 1).await;
    gate.set_open(true);
    worker.missed(nonce).await;
    let next = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert!(truth.at(nonce).is_empty());
    assert_eq!(truth.at(next).len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_chain_that_is_away_at_the_start_is_waited_for() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    gate.set_open(false);
    let worker = stage.start_with(|setup| {
        setup.network.rpc = vec![gate.rpc_url()];
        setup.network.ws = vec![gate.ws_url()];
    });
    let remedy = worker.trouble("no node answered").await;
    assert!(remedy.contains("again"), "{remedy}");
    gate.set_open(true);
    worker.ready().await;
    let nonce = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

/// Blocks come fast, and nobody answers while the first two of each window come: what could not be sent
/// is tried again at the chain's pace, not at ours.
#[tokio::test]
async fn endpoints_that_fail_at_each_opening_of_short_windows() {
    const WINDOWS: i64 = 3;
    let stage = Stage::with(|config| {
        config.automatic_blocks = true;
        config.block_time = Duration::from_millis(60);
    })
    .await;
    // Blocks are too quick here for a disk that others use as well.
    let journal = Arc::new(Store::in_memory().await.unwrap());
    let worker = stage.worker_with(|setup| setup.journal = journal).await;
    let first = (stage.height().await.div_euclid(EPOCH) + 2) * EPOCH;
    let order = |window: i64| Order {
        at: When::Window {
            number: u64::try_from(window).ok(),
            offset: 0,
        },
        endpoint: None,
        blocks: 2,
        fault: Fault::BadGateway,
    };
    let played = (1..=WINDOWS + 2).map(order).collect();
    stage.control(Control::Play(played)).await;
    let last = first + (WINDOWS - 1) * EPOCH;
    let end = eventually(async || (stage.height().await > last + WINDOW).then_some(()));
    assert!(end.await.is_some(), "the windows go by");
    // The node itself may be out of order again by now.
    let windows = stage.devnet.handle().windows();
    let windows = windows
        .iter()
        .filter(|it| (first..=last).contains(&it.nonce));
    let answers = |it: &WindowRecord| it.answers.iter().filter(|it| it.stands).count();
    let answered: Vec<_> = windows.map(|it| (it.nonce, answers(it))).collect();
    let told = crate::events::story(&worker.told.events());
    let expected = (0..WINDOWS).map(|window| (first + window * EPOCH, 1));
    assert_eq!(answered, expected.collect::<Vec<_>>(), "{told}");
    worker.shutdown.request("a test");
    worker.end().await.unwrap();
}
