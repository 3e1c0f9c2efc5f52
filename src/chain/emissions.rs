//! The one place that knows emissions v9 from v10: paths, type URLs, event names, shapes.

use std::sync::Arc;

use cosmrs::Any;
use prost::Message;
use tokio::sync::watch;

use super::{
    ChainError, Decimal, Rpc, Signer, Uallo,
    jsonrpc::Event,
    proto::emissions::{self as pb, Topic},
};
use crate::types::{Height, Nonce, TopicId, WindowKey};

/// A version of the chain's emissions module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Chain v0.16 and before.
    V9,
    /// Chain v0.17.
    V10,
}

/// The label under which a topic with a single output takes its value on v10.
const SINGLE_OUTPUT: &str = "y";
/// `TopicOutputArity` of a topic that takes several labelled values.
const ARITY_MULTI: i32 = 2;

impl Version {
    const ALL: [Self; 2] = [Self::V10, Self::V9];

    /// As in names on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V9 => "v9",
            Self::V10 => "v10",
        }
    }

    fn path(self, method: &str) -> String {
        format!("/emissions.{}.QueryService/{method}", self.name())
    }

    fn type_url(self, message: &str) -> String {
        format!("/emissions.{}.{message}", self.name())
    }

    /// The event that opens a worker submission window.
    #[must_use]
    pub fn window_opened_event(self) -> String {
        format!(
            "emissions.{}.EventWorkerSubmissionWindowOpened",
            self.name()
        )
    }

    /// The window that an event opens, if it is such an event of this version.
    #[must_use]
    pub fn window_opened(self, event: &Event) -> Option<OpenWindow> {
        let kind = event
            .kind
            .strip_prefix("emissions.")?
            .strip_prefix(self.name())?;
        if kind != ".EventWorkerSubmissionWindowOpened" {
            return None;
        }
        let number = |key| event.attribute(key)?.trim_matches('"').parse::<i64>().ok();
        let topic = TopicId(u64::try_from(number("topic_id")?).ok()?);
        let key = WindowKey {
            topic,
            nonce: Nonce(number("nonce_block_height")?),
        };
        Some(OpenWindow {
            key,
            end: Height(number("window_end_block")?),
        })
    }
}

/// A submission window that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWindow {
    /// Which.
    pub key: WindowKey,
    /// The last block that takes a submission, inclusive.
    pub end: Height,
}

/// A topic's windows and our standing in it, at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowStatus {
    /// The open window, if one is.
    pub open: Option<OpenWindow>,
    /// The next block that can open a window; topics that are due together may open later.
    pub next_start: Option<Height>,
    /// Whether the address is registered as a worker.
    pub is_registered: bool,
    /// Whether the address may submit.
    pub is_whitelisted: bool,
    /// Whether the topic opens windows at all.
    pub is_active: bool,
}

/// What the chain charges and whom it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Fee of a registration, beside gas.
    pub registration_fee: Uallo,
    /// Fee of a submission, beside gas.
    pub data_fee: Uallo,
    /// How many inferers of a nonce count.
    pub places: u64,
}

/// The emissions module of the chain, in whichever version it speaks.
#[derive(Debug)]
pub struct Emissions {
    rpc: Arc<Rpc>,
    version: watch::Sender<Version>,
}

impl Emissions {
    /// Finds out which version the chain speaks.
    ///
    /// # Errors
    /// When no node answers, or it speaks neither.
    pub async fn detect(rpc: Arc<Rpc>) -> Result<Self, ChainError> {
        let version = detect(&rpc).await?;
        Ok(Self {
            rpc,
            version: watch::Sender::new(version),
        })
    }

    /// The version that the chain speaks at present.
    #[must_use]
    pub fn version(&self) -> Version {
        *self.version.borrow()
    }

    /// Tells of a change of version.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<Version> {
        self.version.subscribe()
    }

    /// Looks again which version the chain speaks.
    ///
    /// # Errors
    /// As [`Emissions::detect`].
    pub async fn redetect(&self) -> Result<Version, ChainError> {
        let version = detect(&self.rpc).await?;
        self.version
            .send_if_modified(|known| std::mem::replace(known, version) != version);
        Ok(version)
    }

    /// A topic's windows and the address's standing in it.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn window_status(
        &self,
        topic: TopicId,
        address: &str,
    ) -> Result<WindowStatus, ChainError> {
        let question = pb::GetWorkerSubmissionWindowStatusRequest {
            topic_id: topic.0,
            address: address.to_owned(),
        };
        let status: pb::GetWorkerSubmissionWindowStatusResponse = self
            .query("GetWorkerSubmissionWindowStatus", &question)
            .await?;
        let open = status.is_open.then_some(OpenWindow {
            key: WindowKey {
                topic,
                nonce: Nonce(status.current_nonce_block_height),
            },
            end: Height(status.window_end_block),
        });
        let next = status.next_window_start_block;
        Ok(WindowStatus {
            open,
            next_start: (next > 0).then_some(Height(next)),
            is_registered: status.is_registered,
            is_whitelisted: status.is_whitelisted,
            is_active: status.is_topic_active,
        })
    }

    /// The nonces that a topic still takes submissions for.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn unfulfilled_nonces(&self, topic: TopicId) -> Result<Vec<Nonce>, ChainError> {
        let question = pb::GetUnfulfilledWorkerNoncesRequest { topic_id: topic.0 };
        let answer: pb::GetUnfulfilledWorkerNoncesResponse =
            self.query("GetUnfulfilledWorkerNonces", &question).await?;
        let nonces = answer.nonces.unwrap_or_default().nonces;
        Ok(nonces
            .into_iter()
            .map(|nonce| Nonce(nonce.block_height))
            .collect())
    }

    /// The nonce of the newest inference that a topic has taken of an address, also while its window
    /// is open.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn latest_nonce(
        &self,
        topic: TopicId,
        address: &str,
    ) -> Result<Option<Nonce>, ChainError> {
        let question = pb::LatestInferenceRequest {
            topic_id: topic.0,
            worker_address: address.to_owned(),
        };
        let method = match self.version() {
            Version::V9 => "GetWorkerLatestInferenceByTopicId",
            Version::V10 => "GetWorkerLatestInputInferenceByTopicId",
        };
        match self
            .query::<_, pb::LatestInferenceResponse>(method, &question)
            .await
        {
            Ok(answer) => Ok(answer
                .latest_inference
                .map(|inference| Nonce(inference.block_height))),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The inferers whose values stand for a nonce, from a node that has passed `end`.
    ///
    /// # Errors
    /// When the chain can't be asked, or all nodes are behind.
    pub async fn inferers(&self, key: WindowKey, end: Height) -> Result<Vec<String>, ChainError> {
        let question = pb::GetInferencesAtBlockRequest {
            topic_id: key.topic.0,
            block_height: key.nonce.0,
        };
        let answer: pb::GetInferencesAtBlockResponse = self
            .query_at("GetInferencesAtBlock", &question, end)
            .await?;
        let inferences = answer.inferences.unwrap_or_default().inferences;
        Ok(inferences
            .into_iter()
            .map(|inference| inference.inferer)
            .collect())
    }

    /// A topic's settings; none when there is no such topic.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn topic(&self, topic: TopicId) -> Result<Option<Topic>, ChainError> {
        let question = pb::GetTopicRequest { topic_id: topic.0 };
        match self
            .query::<_, pb::GetTopicResponse>("GetTopic", &question)
            .await
        {
            Ok(answer) => Ok(answer.topic),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fees and limits.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn params(&self) -> Result<Params, ChainError> {
        let answer: pb::GetParamsResponse =
            self.query("GetParams", &pb::GetParamsRequest {}).await?;
        let params = answer.params.unwrap_or_default();
        let amount = |text: &str| text.parse().map(Uallo).unwrap_or_default();
        Ok(Params {
            registration_fee: amount(&params.registration_fee),
            data_fee: amount(&params.data_sending_fee),
            places: params.max_top_inferers_to_reward,
        })
    }

    /// The message that submits `value` for a window, with the bundle signed.
    ///
    /// # Errors
    /// When the key can't sign.
    pub fn submission(
        &self,
        signer: &Signer,
        key: WindowKey,
        value: &Decimal,
    ) -> Result<Any, ChainError> {
        let version = self.version();
        let bundle = pb::InputInferenceForecastBundle {
            inference: Some(inference(version, signer.address(), key, value)),
            forecast: None,
        };
        let signature = signer.sign(&bundle.encode_to_vec())?;
        let request = pb::InsertWorkerPayloadRequest {
            sender: signer.address().to_owned(),
            worker_data_bundle: Some(pb::InputWorkerDataBundle {
                worker: signer.address().to_owned(),
                nonce: Some(pb::Nonce {
                    block_height: key.nonce.0,
                }),
                topic_id: key.topic.0,
                inference_forecasts_bundle: Some(bundle),
                inferences_forecasts_bundle_signature: signature,
                pubkey: signer.public_key_hex(),
            }),
        };
        Ok(Any {
            type_url: version.type_url("InsertWorkerPayloadRequest"),
            value: request.encode_to_vec(),
        })
    }

    /// The message that registers the address as a worker of a topic.
    #[must_use]
    pub fn registration(&self, address: &str, topic: TopicId) -> Any {
        let request = pb::RegisterRequest {
            sender: address.to_owned(),
            topic_id: topic.0,
            owner: address.to_owned(),
            is_reputer: false,
        };
        Any {
            type_url: self.version().type_url("RegisterRequest"),
            value: request.encode_to_vec(),
        }
    }

    async fn query<Q: Message, A: Message + Default>(
        &self,
        method: &str,
        question: &Q,
    ) -> Result<A, ChainError> {
        self.query_at(method, question, Height::default()).await
    }

    async fn query_at<Q: Message, A: Message + Default>(
        &self,
        method: &str,
        question: &Q,
        least: Height,
    ) -> Result<A, ChainError> {
        match self
            .rpc
            .query_at(&self.version().path(method), question, least)
            .await
        {
            Err(error) if error.is_unknown_path() => {
                let version = self.redetect().await?;
                self.rpc
                    .query_at(&version.path(method), question, least)
                    .await
            }
            answer => answer,
        }
    }
}

/// Whether a topic takes several labelled values, which one forecast can't fill.
#[must_use]
pub const fn has_many_outputs(topic: &Topic) -> bool {
    topic.output_arity == ARITY_MULTI
}

fn inference(
    version: Version,
    address: &str,
    key: WindowKey,
    value: &Decimal,
) -> pb::InputInference {
    let (value, values) = match version {
        Version::V9 => (value.to_string(), Vec::new()),
        Version::V10 => {
            let labelled = pb::InputLabeledValue {
                label: SINGLE_OUTPUT.into(),
                value: value.to_string(),
            };
            (Decimal::zero().to_string(), vec![labelled])
        }
    };
    pb::InputInference {
        topic_id: key.topic.0,
        block_height: key.nonce.0,
        inferer: address.to_owned(),
        value,
        values,
        ..pb::InputInference::default()
    }
}

async fn detect(rpc: &Rpc) -> Result<Version, ChainError> {
    for version in Version::ALL {
        let path = version.path("GetParams");
        match rpc
            .query::<_, pb::GetParamsResponse>(&path, &pb::GetParamsRequest {})
            .await
        {
            Ok(_) => return Ok(version),
            Err(error) if error.is_unknown_path() => {}
            Err(error) => return Err(error),
        }
    }
    Err(ChainError::UnknownVersion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::jsonrpc::Attribute;

    fn opened(kind: &str) -> Event {
        let attribute = |key: &str, value: &str| Attribute {
            key: key.into(),
            value: Some(value.into()),
            index: true,
        };
        Event {
            kind: kind.into(),
            attributes: vec![
                attribute("nonce_block_height", "\"148\""),
                attribute("topic_id", "\"67\""),
                attribute("window_end_block", "\"158\""),
                attribute("mode", "EndBlock"),
            ],
        }
    }

    #[test]
    fn reads_the_opening_of_its_own_version_only() {
        let event = opened("emissions.v10.EventWorkerSubmissionWindowOpened");
        let key = WindowKey {
            topic: TopicId(67),
            nonce: Nonce(148),
        };
        assert_eq!(
            Version::V10.window_opened(&event),
            Some(OpenWindow {
                key,
                end: Height(158)
            })
        );
        assert_eq!(Version::V9.window_opened(&event), None);
        let reputers = opened("emissions.v10.EventReputerSubmissionWindowOpened");
        assert_eq!(Version::V10.window_opened(&reputers), None);
    }

    #[test]
    fn an_event_without_its_numbers_is_no_window() {
        let mut event = opened("emissions.v10.EventWorkerSubmissionWindowOpened");
        event.attributes[0].value = Some("\"soon\"".into());
        assert_eq!(Version::V10.window_opened(&event), None);
    }

    #[test]
    fn v10_labels_the_value_and_v9_does_not() {
        let key = WindowKey {
            topic: TopicId(67),
            nonce: Nonce(148),
        };
        let value = Decimal::try_from(0.25).unwrap();
        let new = inference(Version::V10, "allo1x", key, &value);
        assert_eq!((new.value.as_str(), new.values.len()), ("0", 1));
        assert_eq!(new.values[0].value, "0.25");
        let old = inference(Version::V9, "allo1x", key, &value);
        assert_eq!((old.value.as_str(), old.values.len()), ("0.25", 0));
    }
}
