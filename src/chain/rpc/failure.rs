//! Why one endpoint did not give what was asked of it.

use std::{fmt, time::Duration};

use crate::chain::{ChainError, jsonrpc::RpcError};

/// One endpoint's failure.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    endpoint: String,
    cause: String,
    /// The node's own error; none when it did not answer sensibly.
    pub(super) error: Option<RpcError>,
    /// The chain that it belongs to, when that is another.
    pub(super) foreign: Option<String>,
    /// Whether the request may have reached the node.
    pub(super) was_sent: bool,
    /// For how long the node asks to be left in peace.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// The node can't be reached, or answers nonsense.
    pub(super) fn silent(endpoint: &str, cause: String, was_sent: bool) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            cause,
            error: None,
            foreign: None,
            was_sent,
            retry_after: None,
        }
    }

    /// The same, from a node that asks to be left in peace for a while.
    pub(super) fn busy(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// The node answered with an error of its own.
    pub(super) fn refused(endpoint: &str, error: RpcError) -> Self {
        Self {
            error: Some(error),
            ..Self::silent(endpoint, String::new(), true)
        }
    }

    /// The node belongs to another chain.
    pub(super) fn foreign(endpoint: &str, found: String, expected: &str) -> Self {
        Self {
            cause: ChainError::WrongChain {
                endpoint: endpoint.to_owned(),
                expected: expected.to_owned(),
                found: found.clone(),
            }
            .to_string(),
            foreign: Some(found),
            ..Self::silent(endpoint, String::new(), false)
        }
    }

    /// The same, when what was really wanted was not sent.
    pub(super) fn unsent(self) -> Self {
        Self {
            was_sent: false,
            ..self
        }
    }

    /// Why, without where.
    pub(super) fn cause(&self) -> String {
        self.error
            .as_ref()
            .map_or_else(|| self.cause.clone(), ToString::to_string)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A foreign node's cause names it already.
        match self.foreign {
            Some(_) => f.write_str(&self.cause),
            None => write!(f, "{}: {}", self.endpoint, self.cause()),
        }
    }
}
