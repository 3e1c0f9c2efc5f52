//! A URL that led to another chain for a while, as behind a gateway that is set up anew, and leads to
//! ours again: it is of use again.

use std::time::Duration;

use allora_worker::devnet::{Answer, Control, Fault, Order, When};

use crate::{
    harness::Stage,
    operator::terminate,
    the_program_on_the_embedded_chain::{home_of_the_stages_wallet, quick, with},
};

const BLOCKS: u32 = 4;

#[tokio::test]
async fn all_endpoints_that_were_of_another_chain_answer_windows_again() {
    come_back(true).await;
}

#[tokio::test]
async fn nothing_is_sent_to_another_chain_though_no_request_failed_on_the_way_there() {
    come_back(false).await;
}

/// The URL leads elsewhere for some blocks; first a request fails, or none does.
async fn come_back(fails: bool) {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| {
            setup.chain.request_timeout = Duration::from_millis(300);
            setup.config.poll_interval = Duration::from_millis(100);
        })
        .await;
    stage.answer_a_window(&worker).await;
    // One failure, so that the node has to say who it is.
    let with = Answer::Http {
        status: 502,
        content_type: "text/html".into(),
        body: "<html>".into(),
    };
    stage
        .control(Control::Play(vec![Order {
            at: When::Now,
            endpoint: None,
            blocks: BLOCKS,
            fault: Fault::AnotherChain,
        }]))
        .await;
    stage.block().await;
    if fails {
        stage
            .control(Control::Answer {
                method: "*".into(),
                times: 1,
                with,
            })
            .await;
    }
    worker.node_trouble(&stage.devnet.rpc_url()).await;
    for _ in 0..BLOCKS {
        stage.block().await;
    }
    for _ in 0..2 {
        let nonce = stage.open_window().await;
        worker.submitted(nonce).await;
        stage.close_window(nonce).await;
        worker.counted(nonce).await;
        assert_eq!(stage.truth().await.at(nonce).len(), 1);
    }
    worker.stop().await;
}

/// At a first start it is the operator who errs. One that has answered here before waits.
#[tokio::test]
async fn one_that_has_answered_on_the_chain_before_waits_for_it_at_its_start() {
    let (stage, args) = quick("allora-gateway-1").await;
    let home = home_of_the_stages_wallet();
    let start = || {
        let mut command = home.command(&with(&args, &[]));
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let first = start();
    home.told("counted", 1).await;
    assert_eq!(terminate(first).await, Some(0));
    let elsewhere = Order {
        at: When::Now,
        endpoint: None,
        blocks: 30,
        fault: Fault::AnotherChain,
    };
    stage.control(Control::Play(vec![elsewhere])).await;
    let second = start();
    let told = home.told("trouble", 1).await;
    let cause = told[0]["cause"].as_str().unwrap();
    assert!(cause.contains("is a node of another-"), "{cause}");
    home.told("ready", 2).await;
    assert_eq!(terminate(second).await, Some(0));
}
