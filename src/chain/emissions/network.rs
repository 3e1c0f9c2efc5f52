//! What others answer to a topic, and what the network makes of it.

use prost::Message;

use super::{Emissions, Version};
use crate::{
    chain::{ChainError, proto::emissions as pb},
    types::{Height, Nonce, TopicId, WindowKey},
};

/// The network's inference for one nonce of a topic with a single output.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkInference {
    /// The nonce.
    pub nonce: Nonce,
    /// The combined value, in the target's unit; none where it is no finite number.
    pub combined: Option<f64>,
    /// The inferers that count, each with its value.
    pub inferers: Vec<(String, f64)>,
}

impl Emissions {
    /// The network's newest inference for a topic, from a node that has passed the block `end`; none
    /// before the first, and none for a topic with several outputs.
    ///
    /// # Errors
    /// When the chain can't be asked, or all nodes are behind.
    pub async fn latest_network_inference(
        &self,
        topic: TopicId,
        end: Height,
    ) -> Result<Option<NetworkInference>, ChainError> {
        let question = pb::GetLatestNetworkInferencesRequest { topic_id: topic.0 };
        self.network_inference("GetLatestNetworkInferences", &question, end)
            .await
    }

    /// The network's inference for a nonce, from a node that has passed `end`, the window's last
    /// block; none where the chain has none (any more).
    ///
    /// # Errors
    /// When the chain can't be asked, or all nodes are behind.
    pub async fn network_inference_at(
        &self,
        key: WindowKey,
        end: Height,
    ) -> Result<Option<NetworkInference>, ChainError> {
        let question = pb::GetNetworkInferencesAtBlockRequest {
            topic_id: key.topic.0,
            block_height_last_inference: key.nonce.0,
        };
        let asked = self.network_inference("GetNetworkInferencesAtBlock", &question, end);
        match asked.await {
            Err(error) if error.is_absence() => Ok(None),
            answer => answer,
        }
    }

    /// The inferers whose values stand for a nonce, each with its value, from a node that has passed
    /// `end`. Those with several values are left out.
    ///
    /// # Errors
    /// When the chain can't be asked, or all nodes are behind.
    pub async fn inferences(
        &self,
        key: WindowKey,
        end: Height,
    ) -> Result<Vec<(String, f64)>, ChainError> {
        let question = pb::GetInferencesAtBlockRequest {
            topic_id: key.topic.0,
            block_height: key.nonce.0,
        };
        let answer: pb::GetInferencesAtBlockResponse = self
            .query_at("GetInferencesAtBlock", &question, end)
            .await?;
        let all = answer.inferences.unwrap_or_default().inferences;
        Ok(all.into_iter().filter_map(single).collect())
    }

    /// The versions answer the same questions with different messages.
    async fn network_inference<Q: Message>(
        &self,
        method: &str,
        question: &Q,
        least: Height,
    ) -> Result<Option<NetworkInference>, ChainError> {
        loop {
            let version = self.version();
            let read = match version {
                Version::V9 => self.query_at(method, question, least).await.map(of_v9),
                Version::V10 => self.query_at(method, question, least).await.map(of_v10),
            };
            // An upgrade was found out by this very question: its answer was misread.
            if self.version() == version {
                return read;
            }
        }
    }
}

pub(super) fn of_v9(answer: pb::LatestValueBundleResponse) -> Option<NetworkInference> {
    let bundle = answer.network_inferences?;
    let nonce = bundle.reputer_request_nonce?.reputer_nonce?.block_height;
    let inferers = bundle.inferer_values.into_iter();
    let inferers = inferers.filter_map(|it| Some((it.worker, number(&it.value)?)));
    (nonce > 0).then(|| NetworkInference {
        nonce: Nonce(nonce),
        combined: number(&bundle.combined_value),
        inferers: inferers.collect(),
    })
}

pub(super) fn of_v10(answer: pb::GetLatestNetworkInferencesResponse) -> Option<NetworkInference> {
    let network = answer.network_inferences?;
    let is_single = network.combined_value.len() == 1;
    let inferers = network.inferer_values.into_iter();
    let inferers = inferers.filter_map(|it| Some((it.worker, only(&it.values)?)));
    (network.nonce > 0 && is_single).then(|| NetworkInference {
        nonce: Nonce(network.nonce),
        combined: only(&network.combined_value),
        inferers: inferers.collect(),
    })
}

fn only(values: &[pb::LabeledValue]) -> Option<f64> {
    match values {
        [one] => number(&one.value),
        _ => None,
    }
}

fn single(inference: pb::Inference) -> Option<(String, f64)> {
    let value = match inference.values.as_slice() {
        [] => &inference.value,
        [one] => one,
        _ => return None,
    };
    let value = number(value)?;
    Some((inference.inferer, value))
}

/// The chain's decimals have more digits than are of use here.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_tell_the_same() {
        let nonce = Some(pb::ReputerRequestNonce {
            reputer_nonce: Some(pb::Nonce { block_height: 148 }),
        });
        let worker = |worker: &str, value: &str| pb::WorkerValue {
            worker: worker.into(),
            value: value.into(),
        };
        let old = of_v9(pb::LatestValueBundleResponse {
            network_inferences: Some(pb::ValueBundle {
                topic_id: 67,
                reputer_request_nonce: nonce,
                combined_value: "0.8750000000000000000000000000000000".into(),
                inferer_values: vec![worker("a", "0.75"), worker("b", "1E+0")],
                naive_value: "0".into(),
            }),
            inference_block_height: 148,
        });
        let value = |value: &str| {
            vec![pb::LabeledValue {
                label_id: 1,
                label_name: "y".into(),
                value: value.into(),
            }]
        };
        let worker = |worker: &str, of: &str| pb::WorkerInference {
            worker: worker.into(),
            values: value(of),
        };
        let new = of_v10(pb::GetLatestNetworkInferencesResponse {
            network_inferences: Some(pb::NetworkInferences {
                topic_id: 67,
                nonce: 148,
                combined_value: value("0.875"),
                inferer_values: vec![worker("a", "7.5E-1"), worker("b", "1")],
                naive_value: value("0"),
            }),
            inference_block_height: 148,
        });
        let expected = NetworkInference {
            nonce: Nonce(148),
            combined: Some(0.875),
            inferers: vec![("a".into(), 0.75), ("b".into(), 1.0)],
        };
        assert_eq!(old, Some(expected.clone()));
        assert_eq!(new, Some(expected));
    }

    #[test]
    fn nonce_0_is_no_inference_and_what_is_no_number_no_value() {
        let none = pb::GetLatestNetworkInferencesResponse {
            network_inferences: Some(pb::NetworkInferences::default()),
            inference_block_height: 0,
        };
        assert_eq!(of_v10(none), None);
        assert_eq!(of_v9(pb::LatestValueBundleResponse::default()), None);
        let inference = |value: &str, values: &[&str]| pb::Inference {
            inferer: "a".into(),
            value: value.into(),
            values: values.iter().map(|it| (*it).to_owned()).collect(),
            ..pb::Inference::default()
        };
        let found = |value, values: &[&str]| single(inference(value, values)).map(|it| it.1);
        assert_eq!(found("-1.5E-7", &[]), Some(-1.5e-7));
        assert_eq!(found("", &["0.25"]), Some(0.25));
        assert_eq!(found("", &["0.25", "0.5"]), None);
        assert_eq!(found("NaN", &[]), None);
        assert_eq!(found("", &[]), None);
    }
}
