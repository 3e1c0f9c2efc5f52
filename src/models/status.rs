//! What became of a call, model by model.

use std::{fmt, sync::Arc};

use super::{ModelInfo, Payload};

/// How a call of one model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallStatus {
    /// It answered with a value that can be read.
    Success,
    /// It did not, for another reason than time.
    Failure,
    /// It did not in time, or was not asked because it often did not.
    Timeout,
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Timeout => "TIMEOUT",
        })
    }
}

/// Why a call of one model was no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The model raised an exception, or gave back what its server can't encode.
    Raised,
    /// The answer is no value of its kind, or no answer at all.
    Nonsense,
    /// A readable value of another shape than the caller wants.
    WrongShape,
    /// The model has no such method. When all models say so, the configuration is wrong.
    BadImplementation,
    /// The server holds no instance, even though one was just made.
    NotSetUp,
    /// The server found the call itself wrong: our mistake.
    Invalid,
    /// The call is larger than the server reads: our mistake.
    CallTooLarge,
    /// The answer is larger than 64 MiB.
    AnswerTooLarge,
    /// The model was at an earlier call all the while.
    Busy,
    /// Earlier calls still waited for the model when the time was over: it was not asked.
    Queued,
    /// The connection was refused or lost.
    Unavailable,
    /// The server knows no such service, or refuses us it.
    Refused,
    /// The server does not take our credentials, or our clock.
    Unauthenticated,
    /// The server could not prove that it is this model's.
    Untrusted,
    /// No answer in time.
    Deadline,
    /// Not asked: it may breathe after its time-outs.
    Skipped,
}

/// What a cause adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The model's failures in a row.
    Failure,
    /// The model's time-outs in a row.
    Timeout,
    /// Nothing: it was not the model, or is judged elsewhere.
    Nobody,
}

impl Cause {
    /// The status that goes with it.
    #[must_use]
    pub const fn status(self) -> CallStatus {
        match self {
            Self::Busy | Self::Queued | Self::Deadline | Self::Skipped => CallStatus::Timeout,
            _ => CallStatus::Failure,
        }
    }

    /// Whether the coordinator is to be looked at rather than the model.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Invalid | Self::CallTooLarge | Self::Unauthenticated
        )
    }

    pub(super) const fn blame(self) -> Blame {
        match self {
            Self::Raised
            | Self::Nonsense
            | Self::WrongShape
            | Self::AnswerTooLarge
            | Self::Refused => Blame::Failure,
            Self::Busy | Self::Deadline => Blame::Timeout,
            Self::BadImplementation
            | Self::NotSetUp
            | Self::Invalid
            | Self::CallTooLarge
            | Self::Queued
            | Self::Unavailable
            | Self::Unauthenticated
            | Self::Untrusted
            | Self::Skipped => Blame::Nobody,
        }
    }
}

/// What became of a call of one model.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which model.
    pub model: Arc<ModelInfo>,
    /// What it gave back, or why it did not.
    pub result: Result<Payload, Trouble>,
    /// From just before the call until its answer was there, or its time was over, in microseconds:
    /// neither the wait for earlier calls of the same model nor the reading of the answer is in it. 0
    /// when the model was not asked.
    pub exec_time_us: u64,
}

/// Why a model gave nothing back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Trouble {
    /// The kind of trouble.
    pub cause: Cause,
    /// In words; the model's own where there are some.
    pub detail: String,
}

impl Trouble {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        /// A model may write as much as it likes.
        const LONGEST: usize = 2_000;
        let mut detail = detail.into();
        if detail.len() > LONGEST {
            let end = (0..=LONGEST)
                .rev()
                .find(|&end| detail.is_char_boundary(end));
            detail.truncate(end.unwrap_or(0));
            detail.push('…');
        }
        Self { cause, detail }
    }
}

impl Outcome {
    /// `SUCCESS`, `FAILURE` or `TIMEOUT`.
    #[must_use]
    pub const fn status(&self) -> CallStatus {
        match &self.result {
            Ok(_) => CallStatus::Success,
            Err(trouble) => trouble.cause.status(),
        }
    }

    /// What the model gave back.
    #[must_use]
    pub const fn payload(&self) -> Option<&Payload> {
        match &self.result {
            Ok(payload) => Some(payload),
            Err(_) => None,
        }
    }

    /// Why it gave nothing back.
    #[must_use]
    pub const fn trouble(&self) -> Option<&Trouble> {
        match &self.result {
            Ok(_) => None,
            Err(trouble) => Some(trouble),
        }
    }

    /// Why, in words.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.trouble().map(|trouble| trouble.detail.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        let trouble = Trouble::new(Cause::Raised, "é".repeat(5_000) + "a");
        assert!(trouble.detail.len() < 2_010 && trouble.detail.ends_with("é…"));
        assert_eq!(Trouble::new(Cause::Raised, "boom").detail, "boom");
    }

    #[test]
    fn our_own_mistakes_are_nobodys_failure() {
        for cause in [Cause::Invalid, Cause::CallTooLarge, Cause::Unauthenticated] {
            assert!(cause.is_ours());
            assert_eq!(cause.blame(), Blame::Nobody);
        }
        assert_eq!(Cause::Skipped.blame(), Blame::Nobody);
        assert_eq!(Cause::Skipped.status(), CallStatus::Timeout);
    }
}
