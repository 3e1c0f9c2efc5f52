//! What can go wrong.

use serde::{Deserialize, Serialize};

use crate::devnet::refusal::Refusal;

/// One fault. In a script its name stands under `fault`, its parameters beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// Cuts the endpoint's WebSockets, in each block anew.
    DropSockets,
    /// Sends no event, though the sockets stay open and answer.
    Silence,
    /// Refuses all subscriptions, and cuts the sockets so that some are asked for.
    RefuseSubscribes,
    /// Answers subscriptions late, and cuts the sockets so that some are asked for.
    DelaySubscribes {
        /// By so many milliseconds.
        #[serde(default = "default_ms")]
        ms: u64,
    },
    /// Sends each event twice.
    EventsTwice,
    /// Sends events of blocks and transactions late; headers come in time.
    EventsLate {
        /// By so many blocks.
        #[serde(default = "default_blocks")]
        blocks: u32,
    },
    /// Sends headers alone: no event of a block or of a transaction.
    EventsNever,
    /// Answers from so many blocks ago.
    StaleHeights {
        /// Blocks that it is behind.
        #[serde(default = "default_blocks")]
        blocks: u32,
    },
    /// Answers with accounts' sequence numbers of so many blocks ago.
    StaleSequences {
        /// Blocks that they are behind.
        #[serde(default = "default_behind")]
        blocks: u32,
    },
    /// Answers 429 with Retry-After.
    TooManyRequests,
    /// Answers 500.
    ServerError,
    /// Answers 502 with a page of HTML.
    BadGateway,
    /// Ends the answer in its middle.
    Truncate,
    /// Takes requests and what they do, and answers none.
    TimeOut,
    /// Answers late.
    Slow {
        /// By so many milliseconds.
        #[serde(default = "default_ms")]
        ms: u64,
    },
    /// Says that it is catching up, and stands still meanwhile.
    CatchingUp,
    /// Has no transaction indexer.
    IndexerOff,
    /// Has an indexer that is behind.
    IndexerBehind {
        /// Blocks that it is behind.
        #[serde(default = "default_blocks")]
        blocks: u32,
    },
    /// Is the node of another chain; its sockets are cut as it comes and goes.
    AnotherChain,
    /// Takes transactions into its mempool and passes none on; they are lost when it ends.
    BlackHole,
    /// Refuses every transaction on its way into the mempool.
    RefuseCheck {
        /// The module whose code it is.
        codespace: String,
        /// The code.
        code: u32,
    },
    /// Refuses every transaction in its block: fee and sequence number are spent.
    RefuseInBlock {
        /// The module whose code it is.
        codespace: String,
        /// The code.
        code: u32,
    },
    /// Loses what is in the mempool before each block.
    Evict,
    /// Holds transactions that come out of so many blocks.
    Hold {
        /// Blocks that go by without them.
        #[serde(default = "default_blocks")]
        blocks: u32,
    },
    /// Multiplies the gas price.
    GasPrice {
        /// By this.
        #[serde(default = "default_times")]
        times: u32,
    },
    /// Makes no block.
    Halt,
    /// Halts, and goes on with emissions v10: the mempool is lost and the sockets are cut.
    Upgrade,
    /// The same, back to emissions v9.
    RollBack,
    /// Tiingo's stand-in answers 401.
    PricesUnauthorized,
    /// Tiingo's stand-in answers 429 with Retry-After.
    PricesTooMany,
    /// Tiingo's stand-in answers 500.
    PricesServerError,
    /// Tiingo's stand-in gives an empty list.
    PricesEmpty,
    /// Tiingo's stand-in answers after a second, without the newest hours.
    PricesLate,
    /// Tiingo's stand-in gives the newest candle first.
    PricesUnordered,
    /// Tiingo's stand-in gives prices of zero.
    PricesZero,
}

const fn default_ms() -> u64 {
    300
}

const fn default_blocks() -> u32 {
    3
}

/// Far enough to fall behind the wallet's last transaction, which is an epoch old.
const fn default_behind() -> u32 {
    14
}

const fn default_times() -> u32 {
    3
}

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One endpoint, or all of them.
    Endpoint,
    /// The chain, and with it all endpoints.
    Chain,
    /// The prices' server.
    Prices,
}

impl Fault {
    /// What it strikes.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self {
            Self::RefuseInBlock { .. }
            | Self::Evict
            | Self::Hold { .. }
            | Self::GasPrice { .. }
            | Self::Halt
            | Self::Upgrade
            | Self::RollBack => Scope::Chain,
            Self::PricesUnauthorized
            | Self::PricesTooMany
            | Self::PricesServerError
            | Self::PricesEmpty
            | Self::PricesLate
            | Self::PricesUnordered
            | Self::PricesZero => Scope::Prices,
            _ => Scope::Endpoint,
        }
    }

    /// Whether an endpoint is not healthy while it holds. What a client has no excuse to stumble over is
    /// no such fault: an event twice, a dearer block, an indexer that is off or behind, and all that
    /// concerns prices.
    #[must_use]
    pub const fn impairs(&self) -> bool {
        !matches!(
            self,
            Self::EventsTwice
                | Self::GasPrice { .. }
                | Self::IndexerOff
                | Self::IndexerBehind { .. }
        ) && !matches!(self.scope(), Scope::Prices)
    }

    /// Whether no block comes while it holds.
    pub(in crate::devnet) const fn halts(&self) -> bool {
        matches!(self, Self::Halt | Self::Upgrade | Self::RollBack)
    }

    /// Its name, with the code of a refusal: what is counted as one kind.
    #[must_use]
    pub fn kind(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let name = value["fault"].as_str().unwrap_or_default();
        match self {
            Self::RefuseCheck { codespace, code } | Self::RefuseInBlock { codespace, code } => {
                format!("{name} {codespace}/{code}")
            }
            _ => name.to_owned(),
        }
    }
}

/// The codes that a submission may be refused with, and the node's words for each.
const WORDS: [(&str, u32, &str); 17] = [
    ("undefined", 1, "inference already submitted"),
    ("emissions", 13, "address not registered"),
    ("emissions", 47, "invalid worker signature"),
    ("emissions", 67, "worker nonce window not available"),
    ("emissions", 71, "invalid worker data"),
    ("emissions", 75, "unfulfilled nonce not found"),
    (
        "emissions",
        78,
        "cannot update EMA more than once per window",
    ),
    ("emissions", 83, "not permitted to submit worker payload"),
    ("sdk", 2, "tx parse error"),
    ("sdk", 4, "signature verification failed: unauthorized"),
    ("sdk", 5, "spendable balance is smaller: insufficient funds"),
    ("sdk", 6, "unknown request"),
    ("sdk", 11, "out of gas in location: WriteFlat: out of gas"),
    ("sdk", 13, "error checking fee: insufficient fee"),
    ("sdk", 19, "tx already in mempool"),
    ("sdk", 30, "tx timeout height"),
    ("sdk", 32, "incorrect account sequence"),
];

/// Codes of the checks before the messages; the others are those of the messages themselves.
pub(super) fn codes(of_checks: bool) -> impl Iterator<Item = (&'static str, u32)> {
    let codes = WORDS.iter().map(|(space, code, _)| (*space, *code));
    codes.filter(move |(space, _)| (*space == "sdk") == of_checks)
}

/// A refusal with this code.
pub(super) fn refusal(codespace: &str, code: u32) -> Refusal {
    let known = WORDS
        .iter()
        .find(|(space, number, _)| (*space, *number) == (codespace, code));
    Refusal {
        codespace: codespace.into(),
        code,
        log: known
            .map_or("refused by order", |(_, _, words)| words)
            .into(),
    }
}
