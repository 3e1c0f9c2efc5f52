//! Frames of the WebSocket, and the ways in which a connection is lost.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    chain::jsonrpc::{RpcError, SubscriptionEvent},
    types::Height,
};

/// How long a node may take to open the socket and to grant the subscriptions.
pub(super) const SETUP_LIMIT: Duration = Duration::from_secs(10);
/// The same where there is another node to go to.
pub(super) const SHORT_LIMIT: Duration = Duration::from_secs(5);
/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Loss {
    #[error("it could not be opened: {0}")]
    Open(String),
    #[error("the node did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("a subscription was refused: {0}")]
    Refused(RpcError),
    #[error("no block for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("it is at block {0}, and the chain at {1}")]
    Behind(Height, Height),
    #[error("it was closed: {0}")]
    Closed(String),
    #[error("it belongs to {0}: correct --ws or --network")]
    WrongChain(String),
    #[error("the chain was upgraded")]
    Upgraded,
    #[error(
        "the chain began anew: it is at block {0}, after block {1} was seen; the worker has to be started again"
    )]
    Anew(Height, Height),
    #[error("nobody listens")]
    Unheard,
}

/// A frame whose result is read later, if at all.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(default)]
    pub(super) id: u64,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<RpcError>,
}

impl<'a> Frame<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Loss> {
        let frame: Self =
            serde_json::from_str(text).map_err(|error| Loss::Closed(error.to_string()))?;
        match frame.error {
            Some(error) => Err(Loss::Refused(error)),
            None => Ok(frame),
        }
    }

    /// A subscription is granted by an empty result.
    pub(super) fn is_grant(&self) -> bool {
        self.result
            .is_some_and(|result| result.get().trim() == "{}")
    }

    pub(super) fn event(&self) -> Option<SubscriptionEvent> {
        serde_json::from_str(self.result?.get()).ok()
    }
}
