//! What the network makes of a topic's inferences.

use allora_worker::chain::proto::emissions as pb;

use super::{TOPIC, Version, book::Book, queries::Asker, scene::Scene};

/// Asks for the newest inference of the network; expects these workers' values and their mean.
async fn expect(
    scene: &Scene<'_>,
    book: &mut Book,
    name: &str,
    (topic_id, nonce): (u64, i64),
    (workers, mean): (&[(&str, &str)], &str),
) {
    let path = scene.path("GetLatestNetworkInferences");
    let request = pb::GetLatestNetworkInferencesRequest { topic_id };
    let mut workers = workers.to_vec();
    workers.sort_unstable();
    let mut asker = Asker { scene, book };
    match scene.version {
        Version::V9 => {
            let expected = format!("{:?}", bundle((topic_id, nonce), &workers, mean));
            asker
                .gives::<pb::LatestValueBundleResponse>(name, &path, &request, &expected)
                .await;
        }
        Version::V10 => {
            let expected = format!("{:?}", labelled((topic_id, nonce), &workers, mean));
            asker
                .gives::<pb::GetLatestNetworkInferencesResponse>(name, &path, &request, &expected)
                .await;
        }
    }
}

/// Asks for the network's inference of one nonce; expects what the newest is, without its height.
async fn expect_at(
    scene: &Scene<'_>,
    book: &mut Book,
    name: &str,
    (topic_id, asked): (u64, i64),
    (nonce, workers, mean): (i64, &[(&str, &str)], &str),
) {
    let path = scene.path("GetNetworkInferencesAtBlock");
    let request = pb::GetNetworkInferencesAtBlockRequest {
        topic_id,
        block_height_last_inference: asked,
    };
    let mut workers = workers.to_vec();
    workers.sort_unstable();
    let mut asker = Asker { scene, book };
    match scene.version {
        Version::V9 => {
            let mut expected = bundle((topic_id, nonce), &workers, mean);
            expected.inference_block_height = 0;
            asker
                .gives::<pb::LatestValueBundleResponse>(
                    name,
                    &path,
                    &request,
                    &format!("{expected:?}"),
                )
                .await;
        }
        Version::V10 => {
            let mut expected = labelled((topic_id, nonce), &workers, mean);
            expected.inference_block_height = 0;
            asker
                .gives::<pb::GetLatestNetworkInferencesResponse>(
                    name,
                    &path,
                    &request,
                    &format!("{expected:?}"),
                )
                .await;
        }
    }
}

fn bundle(
    (topic_id, block_height): (u64, i64),
    workers: &[(&str, &str)],
    mean: &str,
) -> pb::LatestValueBundleResponse {
    let worker = |&(worker, value): &(&str, &str)| pb::WorkerValue {
        worker: worker.into(),
        value: value.into(),
    };
    let combined = if mean.is_empty() { "0" } else { mean };
    let bundle = pb::ValueBundle {
        topic_id,
        reputer_request_nonce: Some(pb::ReputerRequestNonce {
            reputer_nonce: Some(pb::Nonce { block_height }),
        }),
        combined_value: combined.into(),
        inferer_values: workers.iter().map(worker).collect(),
        naive_value: combined.into(),
    };
    pb::LatestValueBundleResponse {
        network_inferences: Some(bundle),
        inference_block_height: block_height,
    }
}

fn labelled(
    (topic_id, nonce): (u64, i64),
    workers: &[(&str, &str)],
    mean: &str,
) -> pb::GetLatestNetworkInferencesResponse {
    let values = |value: &str| {
        let labelled = pb::LabeledValue {
            label_id: 1,
            label_name: "y".into(),
            value: value.into(),
        };
        Some(labelled).filter(|it| !it.value.is_empty())
    };
    let worker = |&(worker, value): &(&str, &str)| pb::WorkerInference {
        worker: worker.into(),
        values: values(value).into_iter().collect(),
    };
    let network = pb::NetworkInferences {
        topic_id,
        nonce,
        combined_value: values(mean).into_iter().collect(),
        inferer_values: workers.iter().map(worker).collect(),
        naive_value: values(mean).into_iter().collect(),
    };
    pb::GetLatestNetworkInferencesResponse {
        network_inferences: Some(network),
        inference_block_height: nonce,
    }
}

pub(super) async fn before_anything(scene: &Scene<'_>, book: &mut Book) {
    let name = "before any inference the network's is empty and of nonce 0";
    expect(scene, book, name, (TOPIC, 0), (&[], "")).await;
    let name = "the network's inference for a topic that does not exist is empty too";
    expect(scene, book, name, (999, 0), (&[], "")).await;
    let path = scene.path("GetLatestNetworkInferences");
    let request = pb::GetLatestNetworkInferencesRequest { topic_id: 0 };
    let refusal =
        "sdk 6 invalid topic id: topic id zero is reserved: invalid type: unknown request";
    let name = "topic 0 has no inference of the network";
    let mut asker = Asker { scene, book };
    asker.refuses(name, &path, &request, refusal).await;
    let path = scene.path("GetNetworkInferencesAtBlock");
    let request = pb::GetNetworkInferencesAtBlockRequest {
        topic_id: 999,
        block_height_last_inference: 5,
    };
    let refusal = "sdk 22 rpc error: code = NotFound desc = topic 999 not found: key not found";
    let name = "the network's inference of a nonce needs a topic";
    asker.refuses(name, &path, &request, refusal).await;
}

/// After a window that the worker alone answered with 1.5E-7.
pub(super) async fn of_one(scene: &Scene<'_>, book: &mut Book, nonce: i64) {
    let only = [(scene.worker().address.as_str(), "1.5E-7")];
    let name = "the network's inference of one worker is that worker's";
    expect(scene, book, name, (TOPIC, nonce), (&only, "1.5E-7")).await;
    let name = "the network's inference of a nonce is what it was when that was the newest";
    let of_nonce = (nonce, only.as_slice(), "1.5E-7");
    expect_at(scene, book, name, (TOPIC, nonce), of_nonce).await;
    let name = "the network's inference of a nonce that never was is empty and of nonce 0";
    expect_at(scene, book, name, (TOPIC, nonce + 1), (0, &[], "")).await;
}

/// In a window that the worker answered with 0.75, the second one answers as well.
pub(super) async fn of_two(scene: &Scene<'_>, book: &mut Book) {
    let [worker, second, _] = &scene.wallets;
    let nonce = scene.status("").await.current_nonce_block_height;
    let message = second.submission(scene.version, nonce, "1");
    scene.deliver(second, vec![message]).await;
    // A node may show a block's height a moment before its state.
    scene.reach(nonce + scene.target.epoch().1 + 1).await;
    let both = [
        (worker.address.as_str(), "0.75"),
        (second.address.as_str(), "1"),
    ];
    let name = "workers whose losses no one has told count alike";
    expect(
        scene,
        book,
        name,
        (TOPIC, nonce),
        (&both, "0.8750000000000000000000000000000000"),
    )
    .await;
}
