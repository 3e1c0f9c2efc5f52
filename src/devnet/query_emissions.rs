//! The emissions module's queries.

use prost::Message as _;

use super::{
    config::{EmissionsVersion, OutputArity},
    query::{read, unknown_path},
    query_network,
    refusal::Refusal,
    state::{Inference, State, Topic, check_address},
};
use crate::chain::proto::emissions::{self as pb, Nonce, Nonces};

/// Answers a query of the emissions module, by its method's name.
///
/// # Errors
/// The node's refusal.
pub(super) fn answer(
    state: &State,
    method: &str,
    data: &[u8],
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    match method {
        "GetWorkerSubmissionWindowStatus" => window_status(state, &read(data)?),
        "GetUnfulfilledWorkerNonces" => {
            let request: pb::GetUnfulfilledWorkerNoncesRequest = read(data)?;
            let topic = state.topics.get(&request.topic_id);
            let open = topic.and_then(|topic| topic.open);
            let nonces = open.map(|window| Nonce {
                block_height: window.nonce,
            });
            let nonces = Nonces {
                nonces: nonces.into_iter().collect(),
            };
            Ok(pb::GetUnfulfilledWorkerNoncesResponse {
                nonces: Some(nonces),
            }
            .encode_to_vec())
        }
        "CanSubmitWorkerPayload" => {
            let request: pb::CanSubmitWorkerPayloadRequest = read(data)?;
            check_address(&request.address).map_err(|why| {
                Refusal::unknown_request(format!(
                    "invalid address: error validating actor id: {why}: invalid address"
                ))
            })?;
            let topic = state.topics.get(&request.topic_id);
            let can = topic.is_none_or(|topic| topic.may_submit(&request.address));
            let response = pb::CanSubmitWorkerPayloadResponse {
                can_submit_worker_payload: can,
            };
            Ok(response.encode_to_vec())
        }
        "GetInfererScoreEma" => Ok(score_ema(state, read(data)?).encode_to_vec()),
        "GetTopic" => {
            let request: pb::GetTopicRequest = read(data)?;
            let topic = topic_message(find(state, request.topic_id)?, version);
            Ok(pb::GetTopicResponse { topic: Some(topic) }.encode_to_vec())
        }
        "GetLatestNetworkInferences" => query_network::latest(state, read(data)?, version),
        "GetNetworkInferencesAtBlock" => query_network::at_block(state, &read(data)?, version),
        "GetInferencesAtBlock" => inferences(state, &read(data)?, version),
        "GetWorkerLatestInferenceByTopicId" if version == EmissionsVersion::V9 => {
            latest_inference(state, &read(data)?, version)
        }
        "GetWorkerLatestInputInferenceByTopicId" if version == EmissionsVersion::V10 => {
            latest_inference(state, &read(data)?, version)
        }
        "GetParams" => {
            let params = pb::Params {
                version: version.word().into(),
                max_top_inferers_to_reward: state.max_top_inferers as u64,
                registration_fee: state.registration_fee.to_string(),
                data_sending_fee: state.data_sending_fee.to_string(),
            };
            Ok(pb::GetParamsResponse {
                params: Some(params),
            }
            .encode_to_vec())
        }
        _ => Err(unknown_path()),
    }
}

fn find(state: &State, id: u64) -> Result<&Topic, Refusal> {
    state
        .topics
        .get(&id)
        .ok_or_else(|| Refusal::unknown_request("error getting topic: topic does not exist"))
}

fn window_status(
    state: &State,
    request: &pb::GetWorkerSubmissionWindowStatusRequest,
) -> Result<Vec<u8>, Refusal> {
    let topic = find(state, request.topic_id)?;
    let address = &request.address;
    if !address.is_empty() {
        check_address(address).map_err(|why| {
            Refusal::unknown_request(format!(
                "invalid address format: error validating actor id: {why}"
            ))
        })?;
    }
    let open = topic.open;
    let next = topic.next_opening;
    let known = !address.is_empty();
    let response = pb::GetWorkerSubmissionWindowStatusResponse {
        is_open: open.is_some(),
        current_nonce_block_height: open.map_or(0, |w| w.nonce),
        window_start_block: open.map_or(0, |w| w.nonce),
        window_end_block: open.map_or(0, |w| w.end),
        next_window_start_block: next.unwrap_or_default(),
        next_window_end_block: next.map_or(0, |start| start + topic.config.window),
        is_registered: known && topic.workers.contains(address),
        is_whitelisted: known && topic.may_submit(address),
        is_topic_active: next.is_some(),
    };
    Ok(response.encode_to_vec())
}

/// Who was never scored, and a topic that does not exist, have the score 0 at height 0.
fn score_ema(
    state: &State,
    request: pb::GetInfererScoreEmaRequest,
) -> pb::GetInfererScoreEmaResponse {
    let topic = state.topics.get(&request.topic_id);
    let known = topic.and_then(|topic| topic.scores.get(&request.inferer));
    let score = pb::Score {
        topic_id: request.topic_id,
        block_height: known.map_or(0, |it| it.nonce),
        score: known.map_or_else(|| "0".into(), |it| it.value.to_string()),
        address: request.inferer,
    };
    pb::GetInfererScoreEmaResponse { score: Some(score) }
}

fn topic_message(topic: &Topic, version: EmissionsVersion) -> pb::Topic {
    let config = &topic.config;
    let message = pb::Topic {
        id: config.id.0,
        creator: "allo12uxa8rw9hte3z2nuswjzpmfen289n30uag6agp".into(),
        metadata: config.metadata.clone(),
        loss_method: "mse".into(),
        epoch_last_ended: topic.epoch_last_ended,
        epoch_length: config.epoch_length,
        ground_truth_lag: config.ground_truth_lag,
        allow_negative: true,
        worker_submission_window: config.window,
        topic_type: 1,
        output_arity: match config.arity {
            OutputArity::Single => 1,
            OutputArity::Multi => 2,
        },
        require_unity: config.unity,
        unity_tolerance: if config.unity { "0.000001" } else { "0" }.into(),
        max_labels_per_submission: config.max_labels,
        label_whitelist: config.label_whitelist.clone(),
        label_default_value: "0".into(),
        label_case_sensitive: false,
    };
    match version {
        EmissionsVersion::V10 => message,
        EmissionsVersion::V9 => pb::Topic {
            topic_type: 0,
            output_arity: 0,
            require_unity: false,
            unity_tolerance: String::new(),
            max_labels_per_submission: 0,
            label_whitelist: Vec::new(),
            label_default_value: String::new(),
            ..message
        },
    }
}

/// The inference that stands for a worker in the open window.
fn latest_inference(
    state: &State,
    request: &pb::LatestInferenceRequest,
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    let (id, worker) = (request.topic_id, &request.worker_address);
    let not_found =
        |what: String| Refusal::key_not_found(format!("rpc error: code = NotFound desc = {what}"));
    let topic = state
        .topics
        .get(&id)
        .ok_or_else(|| not_found(format!("topic {id} not found")))?;
    let admitted = topic.open.zip(topic.inferers.get(worker));
    let (window, inference) = admitted.ok_or_else(|| match version {
        EmissionsVersion::V9 => Refusal::invalid_request(format!(
            "collections: not found: key '(\"{id}\", \"{worker}\")' of type github.com/cosmos/gogoproto/emissions.v3.Inference"
        )),
        EmissionsVersion::V10 => not_found(format!(
            "latest input inference not found for topic {id} worker {worker}"
        )),
    })?;
    Ok(pb::LatestInferenceResponse {
        latest_inference: Some(pb::LatestInference {
            topic_id: id,
            block_height: window.nonce,
            inferer: inference.inferer.clone(),
        }),
    }
    .encode_to_vec())
}

fn message(
    topic: u64,
    nonce: i64,
    inference: &Inference,
    version: EmissionsVersion,
) -> pb::Inference {
    let mut values = inference.values.iter().map(|(_, value)| value.clone());
    let single = version == EmissionsVersion::V9;
    pb::Inference {
        topic_id: topic,
        block_height: nonce,
        inferer: inference.inferer.clone(),
        value: if single {
            values.next().unwrap_or_default()
        } else {
            String::new()
        },
        values: if single { Vec::new() } else { values.collect() },
    }
}

fn inferences(
    state: &State,
    request: &pb::GetInferencesAtBlockRequest,
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    let id = request.topic_id;
    let topic = state.topics.get(&id).ok_or_else(|| {
        Refusal::key_not_found(format!(
            "rpc error: code = NotFound desc = topic {id} not found"
        ))
    })?;
    let counted = topic.closed.get(&request.block_height);
    let all = counted
        .map(|c| {
            c.iter()
                .map(|inference| message(id, request.block_height, inference, version))
                .collect()
        })
        .unwrap_or_default();
    let all = pb::Inferences { inferences: all };
    Ok(pb::GetInferencesAtBlockResponse {
        inferences: Some(all),
    }
    .encode_to_vec())
}
