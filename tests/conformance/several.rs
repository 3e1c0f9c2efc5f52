//! Several messages in one transaction: all of them, or none.

use serde_json::json;

use super::{TOPIC, book::Book, client::verdict, scene::Scene, wallet::Wallet};

/// The worker registers, and so is ready for all that follows.
pub(super) async fn registration(scene: &mut Scene<'_>, book: &mut Book) {
    let worker = scene.worker();
    let message = worker.registration(scene.version.word(), TOPIC);
    let found = scene.deliver(worker, vec![message]).await;
    book.says("a registration is taken", &verdict(&found), " 0 ");
    let expected = json!([{"type": "emissions.{v}.EventWorkerRegistered", "attributes": [
        {"key": "owner", "value": format!("\"{}\"", worker.address), "index": true},
        {"key": "topic_id", "value": "\"67\"", "index": true},
        {"key": "worker", "value": format!("\"{}\"", worker.address), "index": true},
        {"key": "msg_index", "value": "0", "index": true},
    ]}]);
    book.shows(
        "a registration tells who and where",
        &own_events(&found),
        &expected,
    );
    let status = scene.status(&worker.address).await;
    book.says(
        "a registered worker is told so",
        &status.is_registered.to_string(),
        "true",
    );
}

/// The emissions module's events of a transaction.
pub(super) fn own_events(tx: &serde_json::Value) -> serde_json::Value {
    let events = tx["tx_result"]["events"].as_array().cloned();
    let own = |event: &serde_json::Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        // The scores of a newcomer are told by one version and not by the other; no worker reads them.
        kind.starts_with("emissions.") && !kind.ends_with("EMAScoresSet")
    };
    events.into_iter().flatten().filter(own).collect()
}

pub(super) async fn play(scene: &mut Scene<'_>, book: &mut Book) {
    let [_, second, third] = &scene.wallets;
    let word = scene.version.word();
    let nonce = scene.open_window().await;
    let good = |wallet: &Wallet| wallet.submission(scene.version, nonce, "0.25");
    let bad = |wallet: &Wallet| wallet.submission(scene.version, 5, "0.25");
    let join = |wallet: &Wallet| wallet.registration(word, TOPIC);
    let both = scene
        .deliver(second, vec![join(second), good(second)])
        .await;
    book.says(
        "a registration and a submission in one transaction are both carried out",
        &verdict(&both),
        " 0 ",
    );
    let kinds: Vec<_> = own_events(&both)
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| {
            json!([
                e["type"],
                e["attributes"]
                    .as_array()
                    .and_then(|a| a.last())
                    .map(|a| &a["value"])
            ])
        })
        .collect();
    let expected = json!([
        ["emissions.{v}.EventWorkerRegistered", "0"],
        ["emissions.{v}.EventInsertInfererPayload", "1"]
    ]);
    book.shows(
        "each message's events bear its index",
        &kinds.into(),
        &expected,
    );
    let (sequence, balance) = (
        scene.account(&third.address).await.sequence,
        scene.balance(&third.address).await,
    );
    let refused = scene
        .deliver(third, vec![join(third), good(third), bad(third)])
        .await;
    let expected =
        "emissions 75 failed to execute message; message index: 2: unfulfilled nonce not found";
    book.says(
        "one refused message refuses its transaction and is named by its index",
        &verdict(&refused),
        expected,
    );
    book.shows(
        "nothing is told of messages that were undone",
        &own_events(&refused),
        &json!([]),
    );
    let status = scene.status(&third.address).await;
    book.says(
        "what stood before a refused message is undone",
        &status.is_registered.to_string(),
        "false",
    );
    let spent = balance - scene.balance(&third.address).await;
    let now = scene.account(&third.address).await.sequence;
    book.says(
        "a transaction with a refused message spends one fee and one sequence number",
        &format!("{spent} {}", now - sequence),
        "3000000 1",
    );
    gas(scene, book, &both).await;
}

/// A further message costs less than the first: the frame is paid once.
async fn gas(scene: &Scene<'_>, book: &mut Book, both: &serde_json::Value) {
    let used = super::client::number(&both["tx_result"]["gas_used"]);
    let told = if (180_000..230_000).contains(&used) {
        "about 200000".into()
    } else {
        used.to_string()
    };
    book.says(
        "a registration with a submission uses about 200 000 gas",
        &told,
        "about 200000",
    );
    let worker = scene.worker();
    let found = scene
        .deliver(
            worker,
            vec![worker.submission(
                scene.version,
                scene.status("").await.current_nonce_block_height,
                "1",
            )],
        )
        .await;
    let used = super::client::number(&found["tx_result"]["gas_used"]);
    let told = if (130_000..160_000).contains(&used) {
        "about 145000".into()
    } else {
        used.to_string()
    };
    book.says("a submission uses about 145 000 gas", &told, "about 145000");
}
