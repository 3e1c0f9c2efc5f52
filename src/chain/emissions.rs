//! The one place that knows emissions v9 from v10: paths, type URLs, event names, shapes.

#[cfg(test)]
pub(super) mod fuzz;
mod network;
mod payload;
mod settled;
mod version;

use std::sync::Arc;

use prost::Message;
use tokio::sync::watch;

pub use network::NetworkInference;
pub use payload::{answered_windows, answers, fee_of};
pub use settled::Settled;
pub use version::{OpenWindow, Version};

use super::{
    ChainError, Rpc, Uallo,
    proto::emissions::{self as pb, Topic},
};
use crate::types::{Height, Nonce, TopicId, WindowKey};

/// `TopicOutputArity` of a topic that takes several labelled values.
const ARITY_MULTI: i32 = 2;

/// A topic's windows and our standing in it, at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowStatus {
    /// The open window, if one is.
    pub open: Option<OpenWindow>,
    /// The next block that can open a window; topics that are due together may open later.
    pub next_start: Option<Height>,
    /// The last block of the window that opens then.
    pub next_end: Option<Height>,
    /// Whether the address is registered as a worker.
    pub is_registered: bool,
    /// Whether the address may submit.
    pub is_whitelisted: bool,
    /// Whether the topic opens windows at all.
    pub is_active: bool,
}

/// What the chain charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Fee of a registration, beside gas.
    pub registration_fee: Uallo,
    /// What each submission pays, beside gas.
    pub data_fee: Uallo,
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
            next_end: (next > 0).then_some(Height(status.next_window_end_block)),
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

    /// The moving average of an inferer's scores, and the newest nonce that it answered, which is scored
    /// later; none before its first answer.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn score_ema(
        &self,
        topic: TopicId,
        address: &str,
    ) -> Result<Option<(f64, Nonce)>, ChainError> {
        let question = pb::GetInfererScoreEmaRequest {
            topic_id: topic.0,
            inferer: address.to_owned(),
        };
        let answer: pb::GetInfererScoreEmaResponse =
            self.query("GetInfererScoreEma", &question).await?;
        let score = answer.score.filter(|it| it.block_height > 0);
        Ok(score.and_then(|it| Some((it.score.parse().ok()?, Nonce(it.block_height)))))
    }

    /// The windows that a block opened, of all topics, by either version's name of the event.
    ///
    /// # Errors
    /// When no endpoint tells what the block did.
    pub async fn block_windows(&self, height: Height) -> Result<Vec<OpenWindow>, ChainError> {
        let results = self.rpc.block_results(height).await?;
        let events = results.finalize_block_events.unwrap_or_default();
        let opened = |event| Version::ALL.iter().find_map(|it| it.window_opened(event));
        Ok(events.iter().filter_map(opened).collect())
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

    /// What the chain charges.
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
        })
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
