//! What the network makes of a topic's inferences.
//!
//! As long as no reputer has told losses, a chain knows no worker from another and combines them to
//! their mean. The devnet has no reputers, so it stays at that.

use prost::Message as _;

use super::{
    config::EmissionsVersion,
    decimal,
    refusal::Refusal,
    state::{Inference, State},
};
use crate::chain::proto::emissions as pb;

/// Digits of a quotient.
const DIGITS: usize = 34;

/// The network's inference of the newest nonce that someone counts for. Without one, and for a topic
/// that does not exist, it is empty and of nonce 0.
///
/// # Errors
/// When the topic is 0.
pub(super) fn latest(
    state: &State,
    request: pb::GetLatestNetworkInferencesRequest,
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    let id = request.topic_id;
    if id == 0 {
        return Err(Refusal::unknown_request(
            "invalid topic id: topic id zero is reserved: invalid type",
        ));
    }
    let topic = state.topics.get(&id);
    let newest = topic.and_then(|topic| topic.closed.last_key_value());
    let (nonce, counted) = newest.map_or((0, &[][..]), |(nonce, all)| (*nonce, all.as_slice()));
    Ok(match version {
        EmissionsVersion::V9 => value_bundle(id, nonce, counted).encode_to_vec(),
        EmissionsVersion::V10 => labelled(id, nonce, counted).encode_to_vec(),
    })
}

/// The network's inference of a nonce. Without one that someone counts for it is empty and of nonce 0.
///
/// # Errors
/// When there is no such topic, or none of its windows has opened yet.
pub(super) fn at_block(
    state: &State,
    request: &pb::GetNetworkInferencesAtBlockRequest,
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    let id = request.topic_id;
    let not_found =
        |what: String| Refusal::key_not_found(format!("rpc error: code = NotFound desc = {what}"));
    let topic = state.topics.get(&id);
    let topic = topic.ok_or_else(|| not_found(format!("topic {id} not found")))?;
    if topic.epoch_last_ended == 0 {
        let what = format!("network inference not available for topic {id}");
        return Err(not_found(what));
    }
    let asked = request.block_height_last_inference;
    let (nonce, counted) = match topic.closed.get(&asked) {
        Some(all) => (asked, all.as_slice()),
        None => (0, &[][..]),
    };
    // The message has no height beside the inference.
    Ok(match version {
        EmissionsVersion::V9 => pb::LatestValueBundleResponse {
            inference_block_height: 0,
            ..value_bundle(id, nonce, counted)
        }
        .encode_to_vec(),
        EmissionsVersion::V10 => pb::GetLatestNetworkInferencesResponse {
            inference_block_height: 0,
            ..labelled(id, nonce, counted)
        }
        .encode_to_vec(),
    })
}

fn value_bundle(topic_id: u64, nonce: i64, counted: &[Inference]) -> pb::LatestValueBundleResponse {
    let first = |inference: &Inference| inference.values.first().map(|(_, value)| value.clone());
    let values: Vec<_> = counted.iter().filter_map(first).collect();
    let inferer_values = counted.iter().map(|inference| pb::WorkerValue {
        worker: inference.inferer.clone(),
        value: first(inference).unwrap_or_default(),
    });
    let reputer_nonce = Some(pb::Nonce {
        block_height: nonce,
    });
    let bundle = pb::ValueBundle {
        topic_id,
        reputer_request_nonce: Some(pb::ReputerRequestNonce { reputer_nonce }),
        combined_value: mean(&values),
        inferer_values: inferer_values.collect(),
        naive_value: mean(&values),
    };
    pb::LatestValueBundleResponse {
        network_inferences: Some(bundle),
        inference_block_height: nonce,
    }
}

fn labelled(
    topic_id: u64,
    nonce: i64,
    counted: &[Inference],
) -> pb::GetLatestNetworkInferencesResponse {
    let mut labels: Vec<&str> = Vec::new();
    for (label, _) in counted.iter().flat_map(|inference| &inference.values) {
        if !labels.contains(&label.as_str()) {
            labels.push(label);
        }
    }
    let of = |all: &[Inference]| -> Vec<_> {
        let ids = (1..).zip(&labels);
        let value = |(label_id, label): (u32, &&str)| {
            let values = all.iter().flat_map(|inference| &inference.values);
            let same = values.filter(|(name, _)| name == label);
            let values: Vec<_> = same.map(|(_, value)| value.clone()).collect();
            pb::LabeledValue {
                label_id,
                label_name: (*label).to_owned(),
                value: mean(&values),
            }
        };
        ids.map(value).collect()
    };
    let each = |inference: &Inference| pb::WorkerInference {
        worker: inference.inferer.clone(),
        values: of(std::slice::from_ref(inference)),
    };
    let network = pb::NetworkInferences {
        topic_id,
        nonce,
        combined_value: of(counted),
        inferer_values: counted.iter().map(each).collect(),
        naive_value: of(counted),
    };
    pb::GetLatestNetworkInferencesResponse {
        network_inferences: Some(network),
        inference_block_height: nonce,
    }
}

/// The mean of decimals: a single one as it is, and 0 of none. It is written with as many digits as
/// the chain divides to, of which some 15 are right.
fn mean(values: &[String]) -> String {
    match values {
        [] => "0".into(),
        [only] => only.clone(),
        many => {
            let sum: f64 = many.iter().filter_map(|v| v.parse::<f64>().ok()).sum();
            #[expect(clippy::cast_precision_loss, reason = "workers are few")]
            let mean = sum / many.len() as f64;
            if mean == 0.0 {
                return "0".into();
            }
            let places = DIGITS - 1;
            decimal::canonical(&format!("{mean:.places$e}")).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[], "0")]
    #[case(&["1.50E-7"], "1.50E-7")]
    #[case(&["0.75", "1"], "0.8750000000000000000000000000000000")]
    #[case(&["-1E+1", "-2E+1", "0"], "-10.00000000000000000000000000000000")]
    #[case(&["-1", "1"], "0")]
    fn workers_count_alike(#[case] values: &[&str], #[case] combined: &str) {
        let values: Vec<_> = values.iter().map(|v| (*v).to_owned()).collect();
        assert_eq!(mean(&values), combined);
    }

    #[test]
    fn labels_are_numbered_from_one_and_combined_each_by_itself() {
        let inference = |inferer: &str, values: &[(&str, &str)]| Inference {
            inferer: inferer.into(),
            values: values
                .iter()
                .map(|(label, value)| ((*label).into(), (*value).into()))
                .collect(),
        };
        let counted = [
            inference("a", &[("up", "1"), ("down", "2")]),
            inference("b", &[("up", "2"), ("down", "5")]),
        ];
        let answer = labelled(67, 24, &counted);
        let network = answer.network_inferences.expect("inferences");
        let shown: Vec<_> = network
            .combined_value
            .iter()
            .map(|v| (v.label_id, v.label_name.as_str(), v.value.as_str()))
            .collect();
        let (up, down) = (format!("1.5{:032}", 0), format!("3.5{:032}", 0));
        assert_eq!(shown, [(1, "up", up.as_str()), (2, "down", down.as_str())]);
        assert_eq!(network.inferer_values[1].values[1].value, "5");
    }
}
