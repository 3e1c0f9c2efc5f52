//! Settings of the chain: one place for two workers, and a list of who may submit.

use serde_json::json;

use super::{Change, TOPIC, book::Book, client::verdict, scene::Scene};

pub(super) async fn play(scene: &mut Scene<'_>, book: &mut Book) {
    scene.target.change(&scene.client, Change::Places(1)).await;
    one_place(scene, book).await;
    scene.target.change(&scene.client, Change::Places(32)).await;
    scene
        .target
        .change(&scene.client, Change::OnlyListed(true))
        .await;
    listed(scene, book).await;
    scene
        .target
        .change(&scene.client, Change::OnlyListed(false))
        .await;
    let status = scene.status(&scene.worker().address).await;
    book.says(
        "without a list anyone may submit",
        &status.is_whitelisted.to_string(),
        "true",
    );
}

/// Two workers submit twice each to a window with one place: one is in, the other is left out in
/// silence and had its turn.
async fn one_place(scene: &Scene<'_>, book: &mut Book) {
    let pair = [&scene.wallets[0], &scene.wallets[1]];
    let nonce = scene.next_opening().await;
    let mut txs = Vec::new();
    for (value, later) in [("0.1", 0), ("0.2", 1)] {
        for wallet in pair {
            let mut terms = scene.terms(wallet).await;
            terms.sequence += later;
            txs.push(wallet.sign(vec![wallet.submission(scene.version, nonce, value)], &terms));
        }
    }
    scene.reach(nonce).await;
    let mut sent = Vec::new();
    for tx in &txs {
        sent.push(scene.client.broadcast(tx).await);
    }
    let mut verdicts = Vec::new();
    let mut admitted = 0;
    for sent in &sent {
        let found = scene.included(sent).await;
        admitted += super::several::own_events(&found)
            .as_array()
            .map_or(0, Vec::len);
        verdicts.push(verdict(&found));
    }
    book.says(
        "two workers for one place are both taken",
        &verdicts[..2].join("|"),
        " 0 | 0 ",
    );
    book.says(
        "the newer version tells of who is admitted, the older of all that are delivered",
        &admitted.to_string(),
        scene.version.pick("2", "1"),
    );
    verdicts[2..].sort();
    let doing = scene.version.pick(
        "Error appending inference",
        "Error planning inference admission",
    );
    let first = format!("failed to execute message; message index: 0: {doing}: ");
    let expected = format!(
        "emissions 78 {first}cannot update EMA more than once per window|undefined 1 {first}inference already submitted"
    );
    book.says(
        "again, one is there already and the outranked one had its turn",
        &verdicts[2..].join("|"),
        &expected,
    );
}

async fn listed(scene: &Scene<'_>, book: &mut Book) {
    let worker = scene.worker();
    let status = scene.status(&worker.address).await;
    book.says(
        "who is not listed is told so",
        &format!("{} {}", status.is_whitelisted, status.is_registered),
        "false true",
    );
    let request = allora_worker::chain::proto::emissions::CanSubmitWorkerPayloadRequest {
        topic_id: TOPIC,
        address: worker.address.clone(),
    };
    let answer = scene
        .client
        .query(&scene.path("CanSubmitWorkerPayload"), &request)
        .await;
    book.shows(
        "who is not listed may not submit",
        &json!([answer["code"], answer["value"]]),
        &json!([0, ""]),
    );
    let nonce = scene.open_window().await;
    let found = scene
        .deliver(worker, vec![worker.submission(scene.version, nonce, "1")])
        .await;
    let expected = "emissions 83 failed to execute message; message index: 0: Worker is not permitted to submit payload: not permitted to submit worker payload";
    book.says(
        "who is not listed is not permitted",
        &verdict(&found),
        expected,
    );
}
