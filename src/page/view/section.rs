//! The sections of the page.

use super::{Choice, words};

/// A section of the page. Its element holds what changes; its head stands still around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// How the worker is, in one word, and what to do.
    Banner,
    /// The next window.
    Next,
    /// What is to be reached.
    Goals,
    /// The season at a glance, and its newest windows.
    Windows,
    /// Forecasts against what the price then did.
    Track,
    /// Ours among the others' values.
    Network,
    /// Scores and rewards.
    Earnings,
    /// How long answers took.
    Latency,
    /// The wallet.
    Money,
    /// The endpoints.
    Endpoints,
    /// How the newest forecast came about.
    Anatomy,
    /// The network of models.
    Models,
    /// The event log.
    Log,
}

impl Section {
    /// All, in the order of the page.
    pub const ALL: [Self; 13] = [
        Self::Banner,
        Self::Next,
        Self::Goals,
        Self::Windows,
        Self::Track,
        Self::Network,
        Self::Earnings,
        Self::Latency,
        Self::Money,
        Self::Endpoints,
        Self::Anatomy,
        Self::Models,
        Self::Log,
    ];

    /// The id of its element.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Next => "next",
            Self::Goals => "goals",
            Self::Windows => "windows",
            Self::Track => "track",
            Self::Network => "network",
            Self::Earnings => "earnings",
            Self::Latency => "latency",
            Self::Money => "money",
            Self::Endpoints => "endpoints",
            Self::Anatomy => "anatomy",
            Self::Models => "models",
            Self::Log => "log",
        }
    }

    /// Its title: what it answers.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Banner => "How is the worker?",
            Self::Next => "When is the next window?",
            Self::Goals => "Are the goals reached?",
            Self::Windows => "What became of each window?",
            Self::Track => "How good are the forecasts?",
            Self::Network => "Where does our forecast stand among the others?",
            Self::Earnings => "What has it earned?",
            Self::Latency => "How fast are the answers?",
            Self::Money => "How long does the money last?",
            Self::Endpoints => "Can the chain be reached?",
            Self::Anatomy => "How did the newest forecast come about?",
            Self::Models => "How do the models do?",
            Self::Log => "What has happened?",
        }
    }

    /// What its words mean, in a line.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Banner => "",
            Self::Next => {
                "A window is a span of blocks in which the chain takes forecasts for a topic."
            }
            Self::Goals => {
                "Answered: our forecast was in a block before the window closed. Uptime: the worker could have answered."
            }
            Self::Windows => {
                "One column a day, one row an hour or a window of the day; times are UTC. Choose a day to see its windows."
            }
            Self::Track => {
                "Each forecast against what the price then did, once its horizon has passed."
            }
            Self::Network => {
                "All values that the chain took for one nonce, on one line. z: our distance from the others' mean, in their standard deviations."
            }
            Self::Earnings => {
                "The chain scores each answer by its loss; its moving average (EMA) decides who counts. Rewards are paid for scores."
            }
            Self::Latency => "From a window's event to a node's mempool, in milliseconds.",
            Self::Money => "Each answer costs a fee, paid from the wallet.",
            Self::Endpoints => {
                "Nodes that are asked and sent to. Lag: blocks behind the newest block that is known."
            }
            Self::Anatomy => {
                "A part has a say as far as it has proved itself: t is how surely it does better, in standard errors."
            }
            Self::Models => {
                "Models that are asked for forecasts, ranked by the share of a plain forecast's loss that they save; more is better."
            }
            Self::Log => "The newest first; times are UTC.",
        }
    }

    /// How many of twelve columns it takes on a wide screen.
    pub(super) const fn columns(self) -> &'static str {
        match self {
            Self::Next => "w4",
            Self::Goals => "w8",
            Self::Network | Self::Earnings | Self::Latency | Self::Money => "w6",
            _ => "w12",
        }
    }

    /// Where the same is found as JSON.
    pub(super) fn json(self, choice: &Choice) -> String {
        let topic = choice.topic.map(|it| format!("?topic={it}"));
        format!("/api/{}{}", self.id(), topic.unwrap_or_default())
    }

    /// Whether its form filters it.
    pub(super) const fn has_filter(self) -> bool {
        matches!(self, Self::Log)
    }
}

/// A tag of a text that changes with it: the first 12 hexadecimal digits of its SHA-256. An address
/// with it may be kept for ever.
#[must_use]
pub fn tag(text: &str) -> String {
    words::hex_of(text)
}
