//! Why prices can't be had, and what helps.

use std::{fmt, time::Duration};

use crate::store::Origin;

/// Why the price source gave no candles. Its text names the cause and the remedy.
#[derive(Debug)]
pub enum MarketError {
    /// A value of `[market]` makes no sense.
    BadValue {
        /// The key.
        key: &'static str,
        /// What would be right.
        remedy: &'static str,
    },
    /// A base URL is none that may be used.
    BadUrl {
        /// Its key in `[market]`.
        key: &'static str,
    },
    /// The key can't be sent in a header.
    BadKey,
    /// The HTTP client can't be built.
    NoClient {
        /// What it said.
        cause: String,
    },
    /// The server was not reached, or the answer broke off.
    Unreachable {
        /// Who was asked.
        from: Origin,
        /// What happened.
        cause: String,
    },
    /// 401 or 403: the key is refused.
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        detail: String,
    },
    /// 404: the path or the ticker is unknown.
    NotFound {
        /// Who was asked.
        from: Origin,
        /// The ticker that was asked for.
        ticker: String,
    },
    /// The plan's requests are used up, as the server says.
    QuotaExceeded {
        /// Who was asked.
        from: Origin,
        /// How long to wait, when the server says so.
        retry_after: Option<Duration>,
        /// What the server said.
        detail: String,
    },
    /// The plan's requests are used up by our own count; nothing was sent.
    QuotaSpent {
        /// When the next request is free.
        retry_after: Duration,
    },
    /// 5xx: the server failed.
    ServerFailed {
        /// Who was asked.
        from: Origin,
        /// The HTTP status.
        status: u16,
        /// How long to wait, when the server says so.
        retry_after: Option<Duration>,
    },
    /// A web page came instead of data.
    WebPage {
        /// Who was asked.
        from: Origin,
        /// The HTTP status.
        status: u16,
    },
    /// The server refused with words of its own.
    Refused {
        /// Who was asked.
        from: Origin,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        detail: String,
    },
    /// A list without a single row came for a time in which the pair is traded: that is how an unknown
    /// ticker and a source in trouble look.
    Empty {
        /// Who was asked.
        from: Origin,
        /// The ticker.
        ticker: String,
    },
    /// The stand-in's name for a pair can't be told from its ticker.
    NoProduct {
        /// The ticker.
        ticker: String,
    },
    /// The answer has another shape than prices have.
    Unreadable {
        /// Who was asked.
        from: Origin,
        /// What is wrong with it.
        cause: String,
    },
}

impl MarketError {
    /// Whether trying again soon may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::QuotaExceeded { .. }
            | Self::QuotaSpent { .. }
            | Self::ServerFailed { .. }
            | Self::WebPage { .. }
            | Self::Empty { .. }
            | Self::Unreadable { .. } => true,
            Self::BadValue { .. }
            | Self::BadUrl { .. }
            | Self::BadKey
            | Self::NoClient { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::NoProduct { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// How long to wait at least.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QuotaExceeded { retry_after, .. } | Self::ServerFailed { retry_after, .. } => {
                *retry_after
            }
            Self::QuotaSpent { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// What happened.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::BadValue { key, .. } => format!("{key} in [market] makes no sense"),
            Self::BadUrl { key } => format!("{key} in [market] can't be used"),
            Self::BadKey => "the Tiingo key holds characters that no key has".into(),
            Self::NoClient { cause } => format!("no HTTPS client can be built: {cause}"),
            Self::Unreachable { from, cause } => format!("{from} can't be reached: {cause}"),
            Self::Unauthorized { status, detail } => {
                format!("Tiingo refused the key with {status}{}", said(detail))
            }
            Self::NotFound { from, ticker } => format!("{from} does not know {ticker:?} (404)"),
            Self::QuotaExceeded { from, detail, .. } => {
                format!("{from}'s quota is used up{}", said(detail))
            }
            Self::QuotaSpent { .. } => "the requests granted by the plan are used up".into(),
            Self::ServerFailed { from, status, .. } => format!("{from} failed with {status}"),
            Self::WebPage { from, status } => {
                format!("a web page came from {from} instead of prices (status {status})")
            }
            Self::Refused {
                from,
                status,
                detail,
            } => format!("{from} refused with {status}{}", said(detail)),
            Self::Empty { from, ticker } => {
                format!("{from} gave no price of {ticker:?} at all for a time of trading")
            }
            Self::NoProduct { ticker } => {
                format!("Coinbase's name for {ticker:?} can't be told from its letters")
            }
            Self::Unreadable { from, cause } => {
                format!("{from}'s answer can't be read: {cause}")
            }
        }
    }

    /// What the operator can do.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::BadValue { remedy, .. } => remedy,
            Self::BadUrl { .. } => "write https://HOST, or http://HOST on loopback only",
            Self::BadKey | Self::Unauthorized { .. } => {
                "check TIINGO_API_KEY against the token shown on tiingo.com under Account, API"
            }
            Self::NoClient { .. } => "install the system's CA certificates (ca-certificates)",
            Self::Unreachable { .. } => "check the network and base_url; it is tried again",
            Self::NotFound {
                from: Origin::Coinbase,
                ..
            }
            | Self::NoProduct { .. } => {
                "name the pair's product in products of [market], such as btcusd = \"BTC-USD\""
            }
            Self::NotFound { .. } => "check the topic's ticker and base_url in [market]",
            Self::Empty { .. } => {
                "it is tried again; if it stays so, check that the source has this ticker"
            }
            Self::QuotaExceeded {
                from: Origin::Coinbase,
                ..
            } => "it is asked again later; let fewer programs on this address ask it",
            Self::QuotaExceeded { .. } | Self::QuotaSpent { .. } => {
                "wait, or raise the plan and with it requests_per_hour and requests_per_day, and let \
                 no other program use the same key"
            }
            Self::ServerFailed { .. } => "nothing is to be done here; it is tried again",
            Self::WebPage { .. } => {
                "check for a proxy or a login page on the way; it is tried again"
            }
            Self::Refused { .. } => "do as the text says; it is tried again later",
            Self::Unreadable { .. } => {
                "it is tried again; if it stays so, check base_url, or the interface has changed and \
                 the worker needs an update"
            }
        }
    }
}

fn said(detail: &str) -> String {
    if detail.is_empty() {
        return String::new();
    }
    format!(", saying {detail:?}")
}

impl fmt::Display for MarketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause(), self.remedy())
    }
}

impl std::error::Error for MarketError {}
