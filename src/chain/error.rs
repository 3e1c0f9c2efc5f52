//! What can go wrong between the worker and the chain.

use super::jsonrpc::RpcError;
use crate::types::Height;

/// Why something could not be asked of, or told to, the chain.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The file of one's own authorities can't be used.
    #[error("chain.ca_file: {0}")]
    Trust(#[from] crate::tls::TrustError),
    /// No endpoint answered.
    #[error(
        "no node answered ({}); check the network connection and the endpoints (rpc, or --rpc)",
        tried.join("; ")
    )]
    Unreachable {
        /// Each endpoint with its cause.
        tried: Vec<String>,
    },
    /// All endpoints that answer are behind the chain.
    #[error(
        "no node that answers has reached the chain's block {head} ({}); wait until they catch up, or name another endpoint (rpc, or --rpc)",
        tried.join("; ")
    )]
    Behind {
        /// The newest block that is known.
        head: Height,
        /// Each endpoint with its height or its cause.
        tried: Vec<String>,
    },
    /// Only CometBFT's RPC has what is wanted, and no such endpoint is configured.
    #[error("{what} can't be had over gRPC: add an http:// or https:// endpoint (rpc, or --rpc)")]
    NeedsRpc {
        /// What was wanted.
        what: String,
    },
    /// A node answered with an error of JSON-RPC.
    #[error("{endpoint} refused {method}: {error}")]
    Rpc {
        /// The node's URL.
        endpoint: String,
        /// What was asked.
        method: String,
        /// Its answer.
        #[source]
        error: RpcError,
    },
    /// The application refused a query.
    #[error("the chain refused the query {path}: {log} ({codespace} {code})")]
    Query {
        /// The query's path.
        path: String,
        /// The module whose code it is.
        codespace: String,
        /// The code.
        code: u32,
        /// The text.
        log: String,
    },
    /// An answer has another shape than agreed.
    #[error("an answer to {what} can't be read: {cause}; is the endpoint a CometBFT RPC node?")]
    Unreadable {
        /// What was asked.
        what: String,
        /// Why.
        cause: String,
    },
    /// A node belongs to another chain.
    #[error(
        "{endpoint} is a node of {found}, not of {expected}: correct the endpoint, --network or --chain-id"
    )]
    WrongChain {
        /// The node's URL.
        endpoint: String,
        /// The chain that was configured.
        expected: String,
        /// The chain that it belongs to.
        found: String,
    },
    /// Neither version of the emissions module answers.
    #[error(
        "the chain speaks neither emissions v9 nor v10: it was upgraded beyond this worker, which needs an update"
    )]
    UnknownVersion,
    /// The account does not exist yet.
    #[error("the account {address} is unknown to the chain: send it some coins first")]
    NoAccount {
        /// The address.
        address: String,
    },
    /// A URL can't be used.
    #[error("{url} is not a usable endpoint: {cause}")]
    BadUrl {
        /// What was configured.
        url: String,
        /// Why.
        cause: String,
    },
    /// A transaction could not be made.
    #[error("a transaction could not be built: {0}")]
    Build(String),
}

impl ChainError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            // A node that is not ready refuses queries as well.
            Self::Unreachable { .. }
            | Self::Behind { .. }
            | Self::Rpc { .. }
            | Self::Query { .. }
            | Self::Unreadable { .. }
            | Self::NoAccount { .. }
            | Self::UnknownVersion => true,
            Self::WrongChain { .. }
            | Self::BadUrl { .. }
            | Self::NeedsRpc { .. }
            | Self::Trust(_)
            | Self::Build(_) => false,
        }
    }

    /// The chain answered that there is no such thing.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Query { log, .. }
            if log.contains("not found") || log.contains("does not exist"))
    }

    /// The chain does not have the path: it is of another version.
    #[must_use]
    pub fn is_unknown_path(&self) -> bool {
        let Self::Query {
            codespace,
            code,
            log,
            ..
        } = self
        else {
            return false;
        };
        match (codespace.as_str(), code) {
            ("sdk", 6) => log.contains("unknown query path"),
            // gRPC's `Unimplemented`.
            ("grpc", 12) => log.contains("unknown service") || log.contains("unknown method"),
            _ => false,
        }
    }
}
