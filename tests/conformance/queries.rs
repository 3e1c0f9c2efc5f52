//! The queries that a worker asks, with what the chain answers and how it refuses.

use std::fmt::Debug;

use allora_worker::chain::proto::emissions as pb;
use cosmrs::proto::cosmos::auth::v1beta1::QueryAccountInfoResponse;
use prost::Message;
use serde_json::json;

use super::{TOPIC, Version, book::Book, client::verdict, queries_of_the_sdk, scene::Scene};

/// Asks and writes down the answer: the message as it is debugged, or the refusal.
pub(super) struct Asker<'a, 'b> {
    pub(super) scene: &'a Scene<'b>,
    pub(super) book: &'a mut Book,
}

impl Asker<'_, '_> {
    pub(super) async fn gives<M: Message + Default + Debug>(
        &mut self,
        name: &str,
        path: &str,
        request: &impl Message,
        expected: &str,
    ) {
        let answer = self.scene.client.query(path, request).await;
        if answer["code"] != 0 {
            return self.book.says(name, &verdict(&answer), expected);
        }
        let value = answer["value"].as_str().unwrap_or_default();
        let bytes =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, value).expect("base64");
        let message = M::decode(bytes.as_slice()).expect("protobuf");
        self.book.says(name, &format!("{message:?}"), expected);
    }

    pub(super) async fn refuses(
        &mut self,
        name: &str,
        path: &str,
        request: &impl Message,
        expected: &str,
    ) {
        self.gives::<()>(name, path, request, expected).await;
    }
}

fn status(topic_id: u64, address: &str) -> pb::GetWorkerSubmissionWindowStatusRequest {
    pb::GetWorkerSubmissionWindowStatusRequest {
        topic_id,
        address: address.into(),
    }
}

fn may(topic_id: u64, address: &str) -> pb::CanSubmitWorkerPayloadRequest {
    pb::CanSubmitWorkerPayloadRequest {
        topic_id,
        address: address.into(),
    }
}

pub(super) async fn before_anything(scene: &Scene<'_>, book: &mut Book) {
    let mut asker = Asker { scene, book };
    queries_of_the_sdk::accounts(&mut asker).await;
    window(&mut asker).await;
    topic(&mut asker).await;
    inferences(&mut asker, 5).await;
    queries_of_the_sdk::simulations(&mut asker).await;
    raw(&mut asker).await;
}

async fn window(asker: &mut Asker<'_, '_>) {
    let (us, path) = (
        asker.scene.worker().address.clone(),
        asker.scene.path("GetWorkerSubmissionWindowStatus"),
    );
    asker.gives::<pb::GetWorkerSubmissionWindowStatusResponse>("a status without an address knows no registration", &path, &status(TOPIC, ""),
        "GetWorkerSubmissionWindowStatusResponse { is_open: <any>, current_nonce_block_height: <int>, window_start_block: <int>, window_end_block: <int>, next_window_start_block: <int>, next_window_end_block: <int>, is_registered: false, is_whitelisted: false, is_topic_active: true }").await;
    asker.gives::<pb::GetWorkerSubmissionWindowStatusResponse>("a worker that is not registered may be permitted", &path, &status(TOPIC, &us),
        "GetWorkerSubmissionWindowStatusResponse { is_open: <any>, current_nonce_block_height: <int>, window_start_block: <int>, window_end_block: <int>, next_window_start_block: <int>, next_window_end_block: <int>, is_registered: false, is_whitelisted: true, is_topic_active: true }").await;
    asker
        .refuses(
            "a status of a topic that does not exist is refused",
            &path,
            &status(999, &us),
            "sdk 6 error getting topic: topic does not exist: unknown request",
        )
        .await;
    asker.refuses("a status for what is no address is refused", &path, &status(TOPIC, "nobody"),
        "sdk 6 invalid address format: error validating actor id: decoding bech32 failed: invalid bech32 string length 6: unknown request").await;
    let path = asker.scene.path("CanSubmitWorkerPayload");
    asker
        .gives::<pb::CanSubmitWorkerPayloadResponse>(
            "anyone may submit where there is no list",
            &path,
            &may(TOPIC, &us),
            "CanSubmitWorkerPayloadResponse { can_submit_worker_payload: true }",
        )
        .await;
    asker
        .gives::<pb::CanSubmitWorkerPayloadResponse>(
            "anyone may submit to a topic that does not exist",
            &path,
            &may(999, &us),
            "CanSubmitWorkerPayloadResponse { can_submit_worker_payload: true }",
        )
        .await;
    asker.refuses("who is no address can't be asked about", &path, &may(TOPIC, "nobody"),
        "sdk 6 invalid address: error validating actor id: decoding bech32 failed: invalid bech32 string length 6: invalid address: unknown request").await;
    let path = asker.scene.path("GetUnfulfilledWorkerNonces");
    asker
        .gives::<pb::GetUnfulfilledWorkerNoncesResponse>(
            "a topic that does not exist has no open nonces",
            &path,
            &pb::GetUnfulfilledWorkerNoncesRequest { topic_id: 999 },
            "GetUnfulfilledWorkerNoncesResponse { nonces: Some(Nonces { nonces: [] }) }",
        )
        .await;
}

async fn topic(asker: &mut Asker<'_, '_>) {
    let (path, (epoch, window)) = (asker.scene.path("GetTopic"), asker.scene.target.epoch());
    let kind = asker.scene.version.pick(
        "topic_type: 0, output_arity: 0, require_unity: false, unity_tolerance: \"\", max_labels_per_submission: 0, label_whitelist: [], label_default_value: \"\"",
        "topic_type: <int>, output_arity: <int>, require_unity: false, unity_tolerance: \"0\", max_labels_per_submission: 1, label_whitelist: [], label_default_value: \"0\"",
    );
    asker.gives::<pb::GetTopicResponse>("a topic tells its epoch and its window", &path, &pb::GetTopicRequest { topic_id: TOPIC },
        &format!("GetTopicResponse {{ topic: Some(Topic {{ id: 67, creator: \"<any>\", metadata: \"<any>\", loss_method: \"mse\", epoch_last_ended: <int>, epoch_length: {epoch}, ground_truth_lag: <int>, allow_negative: true, worker_submission_window: {window}, {kind}, label_case_sensitive: false }}) }}")).await;
    asker
        .refuses(
            "a topic that does not exist is refused",
            &path,
            &pb::GetTopicRequest { topic_id: 999 },
            "sdk 6 error getting topic: topic does not exist: unknown request",
        )
        .await;
    let path = asker.scene.path("GetParams");
    asker.gives::<pb::GetParamsResponse>("the parameters tell places and fees", &path, &pb::GetParamsRequest {},
        "GetParamsResponse { params: Some(Params { version: \"<any>\", max_top_inferers_to_reward: 32, registration_fee: \"200\", data_sending_fee: \"10\" }) }").await;
}

fn latest(version: Version) -> &'static str {
    version.pick(
        "GetWorkerLatestInferenceByTopicId",
        "GetWorkerLatestInputInferenceByTopicId",
    )
}

async fn inferences(asker: &mut Asker<'_, '_>, nonce: i64) {
    let us = asker.scene.worker().address.clone();
    let path = asker.scene.path("GetInferencesAtBlock");
    let at = |topic_id, block_height| pb::GetInferencesAtBlockRequest {
        topic_id,
        block_height,
    };
    asker
        .gives::<pb::GetInferencesAtBlockResponse>(
            "a nonce that never was has no inferences",
            &path,
            &at(TOPIC, nonce),
            "GetInferencesAtBlockResponse { inferences: Some(Inferences { inferences: [] }) }",
        )
        .await;
    asker
        .refuses(
            "inferences of a topic that does not exist are refused",
            &path,
            &at(999, nonce),
            "sdk 22 rpc error: code = NotFound desc = topic 999 not found: key not found",
        )
        .await;
    let path = asker.scene.path(latest(asker.scene.version));
    let of = |topic_id| pb::LatestInferenceRequest {
        topic_id,
        worker_address: us.clone(),
    };
    asker.refuses("who never submitted has no latest inference", &path, &of(TOPIC),
        &asker.scene.version.pick(format!("sdk 18 collections: not found: key '(\"67\", \"{us}\")' of type github.com/cosmos/gogoproto/emissions.v3.Inference: invalid request"), format!("sdk 22 rpc error: code = NotFound desc = latest input inference not found for topic 67 worker {us}: key not found"))).await;
    asker
        .refuses(
            "a topic that does not exist has no latest inference",
            &path,
            &of(999),
            "sdk 22 rpc error: code = NotFound desc = topic 999 not found: key not found",
        )
        .await;
}

async fn raw(asker: &mut Asker<'_, '_>) {
    let unknown = "sdk 6 unknown query path: unknown request";
    let none = pb::GetParamsRequest {};
    let other = format!(
        "/emissions.{}.QueryService/GetParams",
        asker.scene.version.other()
    );
    asker
        .refuses(
            "a path of the other version is unknown",
            &other,
            &none,
            unknown,
        )
        .await;
    asker
        .refuses(
            "a method that no query has is unknown",
            &asker.scene.path("Nope"),
            &none,
            unknown,
        )
        .await;
    let client = &asker.scene.client;
    let answer = client.query("/nope", &none).await;
    let expected = json!({"code": 6, "log": "unknown query path: unknown request", "info": "", "index": "0", "key": null, "value": null, "proofOps": null, "height": "0", "codespace": "sdk"});
    asker
        .book
        .shows("a refusal of a path, field by field", &answer, &expected);
    let params = client.query(&asker.scene.path("GetParams"), &none).await;
    let expected = json!({"code": 0, "log": "", "info": "", "index": "0", "key": null, "value": "<base64>", "proofOps": null, "height": "<int>", "codespace": ""});
    asker
        .book
        .shows("an answer to a query, field by field", &params, &expected);
    let far = client
        .result(
            "abci_query",
            json!({"path": asker.scene.path("GetParams"), "data": "", "height": "99999999999"}),
        )
        .await;
    asker.book.says("a query at a height of the future is refused", &verdict(&far["response"]), "sdk 26 cannot query with height in the future; please provide a valid height: invalid height");
    let unread = client
        .result(
            "abci_query",
            json!({"path": asker.scene.path("GetTopic"), "data": "ff"}),
        )
        .await;
    asker.book.says(
        "a query that is no protobuf is refused",
        &verdict(&unread["response"]),
        "<any>",
    );
}

/// After the window of the events: the worker's inference counted in it.
pub(super) async fn after_a_window(scene: &Scene<'_>, book: &mut Book) {
    let us = scene.worker().address.clone();
    let nonce = scene.next_opening().await - scene.target.epoch().0;
    let mut asker = Asker { scene, book };
    let inference = scene.version.pick(
        "value: \"1.5E-7\", values: []",
        "value: \"\", values: [\"1.5E-7\"]",
    );
    asker.gives::<pb::GetInferencesAtBlockResponse>("what counted is kept", &scene.path("GetInferencesAtBlock"), &pb::GetInferencesAtBlockRequest { topic_id: TOPIC, block_height: nonce },
        &format!("GetInferencesAtBlockResponse {{ inferences: Some(Inferences {{ inferences: [Inference {{ topic_id: 67, block_height: {nonce}, inferer: \"{us}\", {inference} }}] }}) }}")).await;
    let nonces = scene.path("GetUnfulfilledWorkerNonces");
    asker
        .gives::<pb::GetUnfulfilledWorkerNoncesResponse>(
            "a closed nonce is fulfilled",
            &nonces,
            &pb::GetUnfulfilledWorkerNoncesRequest { topic_id: TOPIC },
            "GetUnfulfilledWorkerNoncesResponse { nonces: Some(Nonces { nonces: [] }) }",
        )
        .await;
    let worker = scene.worker();
    let nonce = scene.open_window().await;
    asker.gives::<pb::GetUnfulfilledWorkerNoncesResponse>("an open nonce is not fulfilled", &nonces, &pb::GetUnfulfilledWorkerNoncesRequest { topic_id: TOPIC },
        &format!("GetUnfulfilledWorkerNoncesResponse {{ nonces: Some(Nonces {{ nonces: [Nonce {{ block_height: {nonce} }}] }}) }}")).await;
    scene
        .deliver(
            worker,
            vec![worker.submission(scene.version, nonce, "0.75")],
        )
        .await;
    asker.gives::<pb::LatestInferenceResponse>("an admitted inference is the latest", &scene.path(latest(scene.version)), &pb::LatestInferenceRequest { topic_id: TOPIC, worker_address: us.clone() },
        &format!("LatestInferenceResponse {{ latest_inference: Some(LatestInference {{ topic_id: 67, block_height: {nonce}, inferer: \"{us}\" }}) }}")).await;
    asker
        .gives::<pb::GetInferencesAtBlockResponse>(
            "what is admitted does not count before the close",
            &scene.path("GetInferencesAtBlock"),
            &pb::GetInferencesAtBlockRequest {
                topic_id: TOPIC,
                block_height: nonce,
            },
            "GetInferencesAtBlockResponse { inferences: Some(Inferences { inferences: [] }) }",
        )
        .await;
    asker.gives::<QueryAccountInfoResponse>("an account that has sent something has a key", queries_of_the_sdk::ACCOUNT, &queries_of_the_sdk::account(&us),
        &format!("QueryAccountInfoResponse {{ info: Some(BaseAccount {{ address: \"{us}\", pub_key: Some(Any {{ type_url: \"/cosmos.crypto.secp256k1.PubKey\", value: <any> }}), account_number: <int>, sequence: <int> }}) }}")).await;
}
