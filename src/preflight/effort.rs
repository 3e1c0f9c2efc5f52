//! How long is looked, and for whom.

use std::time::Duration;

/// How long each look may take.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Whether a worker is to be started now: then another one in its place is a fault.
    pub starts: bool,
    /// An endpoint's answer.
    pub answer: Duration,
    /// A WebSocket's opening, with its subscriptions.
    pub setup: Duration,
    /// A block that is heard of after that; zero waits for none.
    pub block: Duration,
    /// An answer of the source of prices; none asks nobody.
    pub prices: Option<Duration>,
    /// A database's answer.
    pub database: Duration,
    /// All together: what is not done by then is left.
    pub whole: Duration,
}

impl Effort {
    /// For a person who asks.
    pub const FULL: Self = Self {
        starts: false,
        answer: Duration::from_secs(3),
        setup: Duration::from_secs(5),
        block: Duration::from_secs(7),
        prices: Some(Duration::from_secs(8)),
        database: Duration::from_secs(5),
        whole: Duration::from_secs(15),
    };

    /// Before a start, which is not to be held up.
    pub const START: Self = Self {
        starts: true,
        answer: Duration::from_millis(1_500),
        setup: Duration::from_millis(1_500),
        block: Duration::ZERO,
        prices: None,
        database: Duration::from_millis(1_500),
        whole: Duration::from_secs(5),
    };
}
