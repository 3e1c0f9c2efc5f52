//! What an embedded chain is made of.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use secrecy::SecretString;

use crate::{clock::FastClock, types::TopicId};

/// The emissions module's version: the word that stands in paths, type URLs and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmissionsVersion {
    /// One `value` for each inference.
    V9,
    /// Labelled `values`, which take precedence.
    V10,
}

impl EmissionsVersion {
    /// The word in paths and names, such as `v10`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::V9 => "v9",
            Self::V10 => "v10",
        }
    }
}

/// How many labelled values one inference of a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputArity {
    /// One, under the label `y`.
    Single,
    /// Up to `max_labels`, of the topic's whitelist when it has one.
    Multi,
}

/// Another worker, simulated: it answers each window in the block after its opening.
#[derive(Clone, Debug)]
pub struct Rival {
    /// Its address; any text that no real wallet has.
    pub address: String,
    /// Its score: the highest scores take the places.
    pub score: f64,
    /// What it submits, in canonical form.
    pub value: String,
}

/// A topic of the devnet.
#[derive(Clone, Debug)]
pub struct DevnetTopic {
    /// Its number.
    pub id: TopicId,
    /// Blocks from one window's opening to the next. Windows open at the multiples, moved by
    /// `offset`, until something delays one.
    pub epoch_length: i64,
    /// Blocks by which the windows open later than at the multiples of the epoch: for topics that
    /// are not in step.
    pub offset: i64,
    /// Blocks that a window takes submissions in, counted from the one after its opening. It must be
    /// shorter than the epoch.
    pub window: i64,
    /// Blocks until the truth is known: the reputers' windows follow from it.
    pub ground_truth_lag: i64,
    /// What the topic is about, as its creator wrote it.
    pub metadata: String,
    /// Whether its windows open.
    pub active: bool,
    /// How many values an inference carries.
    pub arity: OutputArity,
    /// Labels that are taken; all when empty.
    pub label_whitelist: Vec<String>,
    /// Most labels of one submission.
    pub max_labels: u64,
    /// Whether the values of a submission must add up to 1.
    pub unity: bool,
    /// Who may submit; everyone when absent.
    pub whitelist: Option<Vec<String>>,
    /// The score of a worker that submits for the first time.
    pub newcomer_score: f64,
    /// What those who count for a nonce share, in uallo, once they are judged; none where nobody judges
    /// them, as on a chain without reputers.
    pub reward: Option<u128>,
    /// Other workers.
    pub rivals: Vec<Rival>,
}

impl DevnetTopic {
    /// A topic's reward for a nonce as it was seen on a fresh chain with one topic and 100 ALLO at stake.
    pub const USUAL_REWARD: u128 = 20_000_000_000_000;
}

impl Default for DevnetTopic {
    fn default() -> Self {
        Self {
            id: TopicId(67),
            epoch_length: 12,
            offset: 0,
            window: 8,
            ground_truth_lag: 12,
            metadata: "BTC/USD 7-day log-return".into(),
            active: true,
            arity: OutputArity::Single,
            label_whitelist: Vec::new(),
            max_labels: 1,
            unity: false,
            whitelist: None,
            newcomer_score: 0.0,
            reward: None,
            rivals: Vec::new(),
        }
    }
}

/// The whole devnet.
#[derive(Clone, Debug)]
pub struct DevnetConfig {
    /// Where the RPC listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Further endpoints of the same chain, each with its own faults.
    pub more_endpoints: Vec<SocketAddr>,
    /// What all endpoints ask for, as `Authorization: Bearer …` or as `?token=…`. Without one they listen
    /// on this machine alone.
    pub token: Option<SecretString>,
    /// Where faults are ordered over HTTP; loopback only.
    pub control: Option<SocketAddr>,
    /// Where a stand-in for Tiingo listens; loopback only.
    pub prices: Option<SocketAddr>,
    /// What dates blocks and prices.
    pub clock: FastClock,
    /// The chain's id.
    pub chain_id: String,
    /// Time between two blocks.
    pub block_time: Duration,
    /// Whether blocks come by themselves; otherwise each is ordered through the control handle.
    pub automatic_blocks: bool,
    /// The height before the first block. By default the block times since 2025-01-01, so that
    /// neither heights nor nonces repeat when the devnet is started again.
    pub initial_height: Option<i64>,
    /// The emissions module's version.
    pub version: EmissionsVersion,
    /// The topics.
    pub topics: Vec<DevnetTopic>,
    /// Accounts that exist, with their balance in uallo.
    pub funded: Vec<(String, u128)>,
    /// When set, any address exists and holds so much uallo as soon as it is named: for
    /// demonstrations with throw-away keys.
    pub fund_unknown: Option<u128>,
    /// Gas price in uallo.
    pub gas_price: u128,
    /// How many topics may open their windows in the same block. Topics that are due together at
    /// the start then open in neighbouring blocks; one that loses its place later is inactive until
    /// someone pays a fee to it, as with a submission to its open window.
    pub max_active_topics_per_block: usize,
    /// Inferers that count for each nonce.
    pub max_top_inferers: usize,
    /// Fee of a registration, uallo, beside gas.
    pub registration_fee: u128,
    /// Fee of a submission, uallo, beside gas.
    pub data_sending_fee: u128,
}

impl Default for DevnetConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            more_endpoints: Vec::new(),
            token: None,
            control: None,
            prices: None,
            clock: FastClock::default(),
            chain_id: "allora-devnet-1".into(),
            block_time: Duration::from_millis(500),
            automatic_blocks: true,
            initial_height: None,
            version: EmissionsVersion::V10,
            topics: vec![DevnetTopic::default()],
            funded: Vec::new(),
            fund_unknown: None,
            gas_price: 10,
            max_active_topics_per_block: 1_000,
            max_top_inferers: 32,
            registration_fee: 200,
            data_sending_fee: 10,
        }
    }
}

impl DevnetConfig {
    /// 2025-01-01T00:00:00Z in unix seconds.
    const ORIGIN: Duration = Duration::from_secs(1_735_689_600);

    /// The height before the first block.
    pub(super) fn start_height(&self) -> i64 {
        self.initial_height.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let since = now.unwrap_or_default().saturating_sub(Self::ORIGIN);
            let block = self.block_time.as_millis().max(1);
            i64::try_from(since.as_millis() / block).unwrap_or(1).max(1)
        })
    }

    /// Refuses what no chain can run.
    pub(super) fn check(&self) -> Result<(), DevnetError> {
        let refuse = |why: String| Err(DevnetError::Config(why));
        if self.block_time.is_zero() {
            return refuse("the block time is zero; set it to some milliseconds".into());
        }
        if self.max_active_topics_per_block == 0 {
            return refuse("no topic may open a window; allow at least 1 a block".into());
        }
        for address in [self.control, self.prices].into_iter().flatten() {
            if !address.ip().is_loopback() {
                return refuse(format!(
                    "{address} is no address of this machine alone; the ports for faults and prices listen on 127.0.0.1"
                ));
            }
        }
        let mut endpoints = std::iter::once(&self.listen).chain(&self.more_endpoints);
        let wide = endpoints.find(|it| !it.ip().is_loopback());
        if let Some(address) = wide.filter(|_| self.token.is_none()) {
            return refuse(format!(
                "{address} is no address of this machine alone, and no token is asked for; listen on 127.0.0.1, or set a token"
            ));
        }
        for topic in &self.topics {
            if topic.window < 1 || topic.window >= topic.epoch_length {
                return refuse(format!(
                    "topic {} has a window of {} blocks in an epoch of {}; it must be at least 1 and shorter than the epoch",
                    topic.id, topic.window, topic.epoch_length
                ));
            }
        }
        Ok(())
    }
}

/// Why the devnet can't start or be ordered.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The address is taken or not ours.
    #[error("the devnet can't listen on {address}: {cause}; choose another address or port 0")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The configuration makes no chain.
    #[error("the devnet's configuration is wrong: {0}")]
    Config(String),
    /// The chain's task has ended.
    #[error("the devnet is shut down; start it anew")]
    Stopped,
}

impl DevnetError {
    /// Whether trying again may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_grow_with_the_wall_clock() {
        let config = DevnetConfig::default();
        let height = config.start_height();
        assert!(height > 50_000_000, "{height}");
        let slow = DevnetConfig {
            block_time: Duration::from_secs(5),
            ..config
        };
        assert!(slow.start_height() <= height / 9);
    }

    #[test]
    fn a_window_as_long_as_its_epoch_is_refused() {
        let topic = DevnetTopic {
            window: 12,
            ..DevnetTopic::default()
        };
        let config = DevnetConfig {
            topics: vec![topic],
            ..DevnetConfig::default()
        };
        let refused = config.check().expect_err("refused").to_string();
        assert!(
            refused.contains("topic 67") && refused.contains("shorter"),
            "{refused}"
        );
        assert!(DevnetConfig::default().check().is_ok());
    }
}
