//! A node that refuses every transaction is not believed for the others: the next one is asked.

use std::time::Duration;

use allora_worker::devnet::{Control, Devnet, DevnetTopic, read_script};
use rstest::rstest;

use crate::harness::{EPOCH, Stage, TOPIC, WINDOW};

/// Three endpoints, and blocks that come by themselves.
async fn three() -> Stage {
    Stage::with(|config| {
        config.automatic_blocks = true;
        config.more_endpoints = vec![([127, 0, 0, 1], 0).into(); 2];
        config.topics = vec![DevnetTopic {
            id: TOPIC,
            epoch_length: EPOCH,
            window: WINDOW,
            ..DevnetTopic::default()
        }];
    })
    .await
}

fn urls(devnet: &Devnet, form: fn(&str) -> String) -> Vec<String> {
    let addresses = devnet.addresses().iter();
    addresses.map(|it| form(&it.to_string())).collect()
}

#[rstest]
#[case("sdk", 5)]
#[case("sdk", 30)]
#[case("sdk", 2)]
#[case("emissions", 13)]
#[case("emissions", 67)]
#[case("emissions", 71)]
#[tokio::test]
async fn it_is_passed_over_in_the_same_window(#[case] codespace: &str, #[case] code: u32) {
    let stage = three().await;
    // The one that is asked first.
    let script = format!(
        r#"{{"at": "window", "endpoint": 1, "for": 12, "fault": "refuse-check", "codespace": "{codespace}", "code": {code}}}"#
    );
    let worker = stage
        .worker_with(|setup| {
            setup.network.rpc = urls(&stage.devnet, |it| format!("http://{it}"));
            setup.network.ws = urls(&stage.devnet, |it| format!("ws://{it}/websocket"));
            setup.config.poll_interval = Duration::from_secs(1);
        })
        .await;
    let orders = read_script(&script).unwrap();
    stage.control(Control::Play(orders)).await;
    let height = stage.height().await;
    let nonce = (height.div_euclid(EPOCH) + 1) * EPOCH;
    worker.refused(1, code).await;
    worker.successful(nonce).await;
    worker.shutdown.request("a test");
    worker.end().await.unwrap();
    let truth = stage.truth().await;
    let good = truth.at(nonce).iter().filter(|tx| tx.code == 0).count();
    assert_eq!(good, 1, "{:#?}", truth.at(nonce));
    truth.nothing_is_late();
}
