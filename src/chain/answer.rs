//! What the chain's answer to a submission means. Each of its codes has its own outcome.

use super::{
    jsonrpc::{BroadcastSync, RpcError},
    rpc::IN_CACHE,
};
use crate::store::Refusal;

/// The meaning of an answer to a submission, from a mempool or from a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Code 0: in the mempool, or in a block.
    Accepted,
    /// The same bytes are in the mempool already.
    Pending,
    /// An inference of ours for this nonce is on the chain already.
    AlreadySubmitted,
    /// Ours is on the chain and outside the set that counts.
    AlreadyOutranked,
    /// The nonce is not open: not yet on this node, or no longer.
    NonceNotOpen,
    /// The window is over.
    WindowClosed,
    /// The wallet is not registered in the topic.
    NotRegistered,
    /// The wallet is not on the topic's whitelist.
    NotWhitelisted,
    /// The bundle or its signature is malformed, says this node.
    Malformed,
    /// Another sequence number is due.
    Sequence {
        /// The number that the chain expects, when its text says so.
        expected: Option<u64>,
    },
    /// The fee is below the price of gas.
    FeeTooLow,
    /// The gas limit was too low.
    OutOfGas,
    /// The chain speaks another version of the messages: it can't read ours.
    Unreadable,
    /// The chain reads our messages and has nobody who handles them: another version, too.
    OtherVersion,
    /// The chain id or the account number is wrong.
    WrongSigner,
    /// The balance does not cover the fee.
    NoFunds,
    /// The transaction's last height has passed.
    TooLate,
    /// The mempool is full.
    MempoolFull,
    /// A code that is not known here.
    Unknown,
}

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait until a block tells.
    AwaitInclusion,
    /// Our inference is on the chain.
    Done,
    /// Send the same bytes again at the next block.
    Resend,
    /// Refresh what was wrong (sequence, price, gas, version, account) and sign anew.
    Rebuild,
    /// Something outside has to change (registration, whitelist, funds): look again at the next block
    /// and sign anew.
    WaitAndRebuild,
    /// The answer itself is refused: write it anew, a few times at most.
    Rewrite,
}

impl Answer {
    /// The meaning of a mempool's answer.
    #[must_use]
    pub fn to_broadcast(answer: &Result<BroadcastSync, RpcError>) -> Self {
        match answer {
            Ok(sync) => Self::of(&sync.codespace, sync.code, &sync.log),
            Err(error) if error.data.contains(IN_CACHE) => Self::Pending,
            Err(error) if error.data.contains("mempool is full") => Self::MempoolFull,
            Err(_) => Self::Unknown,
        }
    }

    /// The meaning of a refusal.
    #[must_use]
    pub fn to_refusal(refusal: &Refusal) -> Self {
        Self::of(&refusal.codespace, refusal.code, &refusal.log)
    }

    /// The meaning of a code in its codespace, with the text where the code is shared.
    #[must_use]
    pub fn of(codespace: &str, code: u32, log: &str) -> Self {
        match (codespace, code) {
            (_, 0) => Self::Accepted,
            ("emissions", 78) => Self::AlreadyOutranked,
            ("emissions", 75) => Self::NonceNotOpen,
            ("emissions", 67) => Self::WindowClosed,
            ("emissions", 13) => Self::NotRegistered,
            ("emissions", 83) => Self::NotWhitelisted,
            ("emissions", 71 | 47) | ("sdk", 18) => Self::Malformed,
            // The code of a transaction's wrong signature is a bundle's wrong signature's as well.
            ("sdk", 4) if log.contains("worker data bundle") => Self::Malformed,
            ("sdk", 32) => Self::Sequence {
                expected: expected_sequence(log),
            },
            ("sdk", 13) => Self::FeeTooLow,
            ("sdk", 11) => Self::OutOfGas,
            ("sdk", 2) => Self::Unreadable,
            ("sdk", 6) => Self::OtherVersion,
            ("sdk", 4) => Self::WrongSigner,
            // 9: an account that never had a coin. 73: too little for the data fee.
            ("sdk", 5 | 9) | ("emissions", 73) => Self::NoFunds,
            ("sdk", 30) => Self::TooLate,
            ("sdk", 19) => Self::Pending,
            ("sdk", 20) => Self::MempoolFull,
            _ if log.contains("inference already submitted") => Self::AlreadySubmitted,
            _ => Self::Unknown,
        }
    }

    /// What follows.
    #[must_use]
    pub const fn next(&self) -> Next {
        match self {
            Self::Accepted | Self::Pending => Next::AwaitInclusion,
            Self::AlreadySubmitted | Self::AlreadyOutranked => Next::Done,
            // The window's close tells whether what was sent before is in.
            Self::MempoolFull | Self::Unknown | Self::TooLate => Next::Resend,
            Self::Sequence { .. }
            | Self::FeeTooLow
            | Self::OutOfGas
            | Self::Unreadable
            | Self::OtherVersion
            | Self::WrongSigner => Next::Rebuild,
            Self::NotRegistered
            | Self::NotWhitelisted
            | Self::NoFunds
            | Self::NonceNotOpen
            | Self::WindowClosed => Next::WaitAndRebuild,
            Self::Malformed => Next::Rewrite,
        }
    }

    /// Whether a transaction that a block refused so spent neither fee nor sequence: the refusal came
    /// before its messages ran.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        matches!(
            self,
            Self::Sequence { .. }
                | Self::FeeTooLow
                | Self::WrongSigner
                | Self::TooLate
                | Self::Unreadable
        )
    }

    /// What is done about it, in words for the operator.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Accepted | Self::Pending => "waiting for a block",
            Self::AlreadySubmitted => "an inference of this wallet is on the chain already",
            Self::AlreadyOutranked => "delivered, but other inferers' scores are better",
            Self::NonceNotOpen | Self::WindowClosed => {
                "asking the chain whether the window is still open"
            }
            Self::TooLate => "looking at the window's close whether it was in time",
            Self::NotRegistered => "register the wallet in the topic (leave --no-register out)",
            Self::NotWhitelisted => "ask the topic's creator to whitelist the wallet",
            Self::Malformed => {
                "writing the answer anew while the window is open; update the worker if it happens again"
            }
            Self::Sequence { .. } => "signing anew with the expected sequence number",
            Self::FeeTooLow => "signing anew at the fee market's present price",
            Self::OutOfGas => "signing anew with a higher gas limit; raise fees.gas_limit",
            Self::Unreadable | Self::OtherVersion => "looking again which version the chain speaks",
            Self::WrongSigner => "reading the account again; check --chain-id",
            Self::NoFunds => "send coins to the wallet; trying again until the window closes",
            Self::MempoolFull | Self::Unknown => "trying again at the next block",
        }
    }
}

/// The message, counted from 0, because of which a block refused a transaction:
/// `failed to execute message; message index: I: …`.
#[must_use]
pub fn refused_message(log: &str) -> Option<usize> {
    number_after(log, "message index: ")
}

/// The number in `account sequence mismatch, expected E, got G`.
fn expected_sequence(log: &str) -> Option<u64> {
    number_after(log, "expected ")
}

fn number_after<T: std::str::FromStr>(log: &str, words: &str) -> Option<T> {
    let after = log.split_once(words)?.1;
    let digits = after
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", 0, "", Answer::Accepted)]
    #[case(
        "undefined",
        1,
        "failed to execute message; message index: 0: inference already submitted",
        Answer::AlreadySubmitted
    )]
    #[case("undefined", 1, "something else", Answer::Unknown)]
    #[case(
        "emissions",
        78,
        "cannot update EMA more than once per window",
        Answer::AlreadyOutranked
    )]
    #[case("emissions", 75, "unfulfilled nonce not found", Answer::NonceNotOpen)]
    #[case("emissions", 67, "window not available", Answer::WindowClosed)]
    #[case("emissions", 13, "", Answer::NotRegistered)]
    #[case("emissions", 83, "", Answer::NotWhitelisted)]
    #[case("emissions", 71, "", Answer::Malformed)]
    #[case("emissions", 47, "", Answer::Malformed)]
    #[case("sdk", 32, "account sequence mismatch, expected 12, got 9: incorrect account sequence", Answer::Sequence { expected: Some(12) })]
    #[case("sdk", 32, "incorrect account sequence", Answer::Sequence { expected: None })]
    #[case("sdk", 13, "", Answer::FeeTooLow)]
    #[case("sdk", 11, "", Answer::OutOfGas)]
    #[case("sdk", 2, "", Answer::Unreadable)]
    #[case("sdk", 6, "", Answer::OtherVersion)]
    #[case("sdk", 4, "", Answer::WrongSigner)]
    #[case(
        "sdk",
        4,
        "failed to execute message; message index: 0: Error validating worker data bundle: signature verification failed: unauthorized",
        Answer::Malformed
    )]
    #[case("sdk", 18, "", Answer::Malformed)]
    #[case("emissions", 73, "", Answer::NoFunds)]
    #[case("sdk", 5, "", Answer::NoFunds)]
    #[case("sdk", 9, "", Answer::NoFunds)]
    #[case("sdk", 30, "", Answer::TooLate)]
    #[case("sdk", 19, "", Answer::Pending)]
    #[case("sdk", 20, "", Answer::MempoolFull)]
    fn each_code_has_its_meaning(
        #[case] codespace: &str,
        #[case] code: u32,
        #[case] log: &str,
        #[case] expected: Answer,
    ) {
        assert_eq!(Answer::of(codespace, code, log), expected);
    }

    #[test]
    fn a_closed_nonce_is_never_taken_for_a_submission() {
        assert_ne!(
            Answer::of("emissions", 75, "unfulfilled nonce not found").next(),
            Next::Done
        );
    }

    #[test]
    fn a_cached_transaction_is_pending() {
        let error = RpcError {
            code: -32603,
            message: "Internal error".into(),
            data: "tx already exists in cache".into(),
        };
        assert_eq!(Answer::to_broadcast(&Err(error)), Answer::Pending);
    }
}
