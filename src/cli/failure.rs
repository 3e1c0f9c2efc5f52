//! Why a worker ends otherwise than it was asked to, and what a supervisor is told of it.

use std::process::ExitCode;

/// Why a worker could not go on.
pub(super) struct Failure {
    pub(super) cause: String,
    /// Whether a supervisor's next start may go better. What is wrong in a configuration stays wrong.
    may_heal: bool,
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            cause: error.to_string(),
            may_heal: false,
        }
    }
}

impl Failure {
    pub(super) fn passing(cause: String) -> Self {
        Self {
            cause,
            may_heal: true,
        }
    }

    pub(super) const fn may_heal(&self) -> bool {
        self.may_heal
    }

    /// One that stays until somebody corrects it.
    pub(super) fn lasting(cause: String) -> Self {
        Self {
            cause,
            may_heal: false,
        }
    }

    pub(super) fn remedy(&self) -> &'static str {
        if self.may_heal {
            "a supervisor such as systemd starts the worker again"
        } else {
            "correct it and start again"
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        if self.may_heal {
            ExitCode::FAILURE
        } else {
            ExitCode::from(WRONG)
        }
    }
}

/// Exit code when starting again changes nothing (`EX_CONFIG` of sysexits).
pub(super) const WRONG: u8 = 78;
