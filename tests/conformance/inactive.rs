//! A topic that loses its weight, and with it its windows.

use allora_worker::chain::proto::emissions as pb;
use serde_json::json;

use super::{Change, TOPIC, book::Book, client::verdict, queries::Asker, scene::Scene};

const INACTIVE: &str = "is_open: false, current_nonce_block_height: 0, window_start_block: 0, window_end_block: 0, next_window_start_block: 0, next_window_end_block: 0";

/// The status of the topic; registered or not, the wallet may submit.
async fn status(scene: &Scene<'_>, book: &mut Book, name: &str, who: usize, expected: &str) {
    let path = scene.path("GetWorkerSubmissionWindowStatus");
    let request = pb::GetWorkerSubmissionWindowStatusRequest {
        topic_id: TOPIC,
        address: scene.wallets[who].address.clone(),
    };
    let expected = format!("GetWorkerSubmissionWindowStatusResponse {{ {expected} }}");
    let mut asker = Asker { scene, book };
    asker
        .gives::<pb::GetWorkerSubmissionWindowStatusResponse>(name, &path, &request, &expected)
        .await;
}

/// Leaves the topic with weight enough, but inactive.
pub(super) async fn play(scene: &Scene<'_>, book: &mut Book) {
    let target = scene.target;
    let (epoch, window) = target.epoch();
    // Right after an opening, so that the next one is far enough.
    let missed = scene.open_window().await + epoch;
    target.change(&scene.client, Change::Weight(false)).await;
    let name = "a topic that lost its weight is active until its next opening is due";
    let end = missed + window;
    let expected = format!(
        "is_open: <any>, current_nonce_block_height: <int>, window_start_block: <int>, window_end_block: <int>, next_window_start_block: {missed}, next_window_end_block: {end}, is_registered: true, is_whitelisted: true, is_topic_active: true"
    );
    status(scene, book, name, 0, &expected).await;
    scene.reach(missed).await;
    let name = "a topic without weight is inactive and has no next window";
    let registered =
        format!("{INACTIVE}, is_registered: true, is_whitelisted: true, is_topic_active: false");
    status(scene, book, name, 0, &registered).await;
    nothing_opens(scene, book, missed).await;
    let third = &scene.wallets[2];
    let message = third.registration(scene.version.word(), TOPIC);
    let found = scene.deliver(third, vec![message]).await;
    book.says(
        "a registration in an inactive topic is taken",
        &verdict(&found),
        " 0 ",
    );
    let name = "a registration does not make a topic without weight active";
    status(scene, book, name, 2, &registered).await;
    target.change(&scene.client, Change::Weight(true)).await;
    let name = "a topic that has weight again stays inactive until it is paid";
    status(scene, book, name, 0, &registered).await;
}

async fn nothing_opens(scene: &Scene<'_>, book: &mut Book, missed: i64) {
    let height = json!({"height": missed.to_string()});
    let results = scene.client.result("block_results", height).await;
    let events = results["finalize_block_events"].as_array();
    let openings = events.into_iter().flatten().filter(|event| {
        let kind = event["type"].as_str().unwrap_or_default();
        kind.ends_with("EventWorkerSubmissionWindowOpened")
    });
    book.says(
        "an inactive topic opens no window",
        &openings.count().to_string(),
        "0",
    );
    let mut asker = Asker { scene, book };
    asker
        .gives::<pb::GetUnfulfilledWorkerNoncesResponse>(
            "an inactive topic has no open nonces",
            &scene.path("GetUnfulfilledWorkerNonces"),
            &pb::GetUnfulfilledWorkerNoncesRequest { topic_id: TOPIC },
            "GetUnfulfilledWorkerNoncesResponse { nonces: Some(Nonces { nonces: [] }) }",
        )
        .await;
    let address = scene.worker().address.clone();
    asker
        .gives::<pb::CanSubmitWorkerPayloadResponse>(
            "who may submit may do so to an inactive topic as well",
            &scene.path("CanSubmitWorkerPayload"),
            &pb::CanSubmitWorkerPayloadRequest {
                topic_id: TOPIC,
                address,
            },
            "CanSubmitWorkerPayloadResponse { can_submit_worker_payload: true }",
        )
        .await;
    let worker = scene.worker();
    let message = worker.submission(scene.version, missed, "1");
    let found = scene.deliver(worker, vec![message]).await;
    book.says(
        "a submission to an inactive topic finds no nonce",
        &verdict(&found),
        "emissions 75 failed to execute message; message index: 0: unfulfilled nonce not found",
    );
}
