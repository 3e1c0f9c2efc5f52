//! Why a forecaster outside the process can't be set up.

/// What is wrong with a topic's `forecaster`. Waiting heals none of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForecasterError {
    /// A value makes no sense.
    #[error("forecaster.{key} {wrong}; {right}")]
    BadValue {
        /// Its key.
        key: &'static str,
        /// What is wrong.
        wrong: String,
        /// What would be right.
        right: String,
    },
    /// A token would go over the network in the clear.
    #[error(
        "forecaster.http: a token is set, and {place} is neither https:// nor on this machine; use https://, or unset FORECASTER_TOKEN"
    )]
    TokenInTheClear {
        /// Scheme and host.
        place: String,
    },
    /// The token can't stand in a request.
    #[error("FORECASTER_TOKEN holds signs that no header takes; set it to the token alone")]
    BadToken,
    /// The HTTP client can't be made.
    #[error("no HTTP client can be made: {cause}; check this machine's TLS certificates")]
    NoClient {
        /// What it said.
        cause: String,
    },
}

impl ForecasterError {
    pub(super) fn bad(
        key: &'static str,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        Self::BadValue {
            key,
            wrong: wrong.into(),
            right: right.into(),
        }
    }
}
