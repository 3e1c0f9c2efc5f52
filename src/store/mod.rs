//! What outlives the process: traits for the other rooms, and their one implementation in SQL.

mod candles;
mod candles_sql;
mod cells;
mod check;
mod connection;
mod database;
mod earnings;
#[cfg(test)]
pub(crate) mod fuzz;
mod glance;
mod journal;
mod journal_copy;
mod journal_rows;
mod journal_sql;
mod leases;
mod line;
mod loss;
mod mend;
mod outcomes;
mod outcomes_rows;
mod outcomes_sql;
mod outcomes_writes;
mod packed;
mod pages;
mod prediction_db;
mod predictions;
mod quota;
mod salvage;
#[cfg(test)]
pub(crate) mod sample;
mod scores;
mod series;
mod shelter;
mod standby_db;
mod survey;
mod tally;
mod underway;
mod wallet_leases;
mod write_ahead;

pub use candles::{CandleRepository, Pair, SetAside, StoredCandle};
pub(crate) use check::{damage, mark as mark_damaged};
pub(crate) use connection::{Lives, one_connection};
pub use database::Store;
pub use earnings::{AnswerTime, EarningsRepository, Paid, Scored};
pub use glance::{Glance, ServerGlance, Tables, glance, glance_at_server, newest_prediction};
pub use journal::{
    Journal, Refusal, Sent, SignedTx, State, StateName, Submission, Transition, Wallet,
};
pub use leases::{Beat, Held, Known, LeaseRepository, Sign};
pub use loss::{Loss, Mended, Salvage};
pub(crate) use mend::{Replacement, finish as finish_mending};
pub use outcomes::{
    Answered, Field, Noted, OpenedBy, OutcomeRepository, Peers, Record, Resolution, Standing,
};
pub use packed::Packed;
pub use prediction_db::{DatabaseUrl, LeaseDb, PredictionDb};
pub use predictions::{
    Close, CloseRepository, ConfigKey, Deployment, DeploymentEffect, ModelRecord, ModelRepository,
    Prediction, PredictionConfig, PredictionConfigRepository, PredictionFilter,
    PredictionRepository, PredictionStatus, PredictionStore, StoredConfig, StoredPrediction,
};
pub use quota::{QuotaLimit, QuotaRepository};
pub(crate) use salvage::carry_all;
pub use scores::{
    PartAfter, ResolvedAfter, RoundAnswer, RoundRepository, RoundSummary, Score, ScoreRepository,
    ScoredPart, Snapshot, Waiting, WindowScore,
};
pub use series::{Interval, Origin, Series};
pub use shelter::{Opened, Shelter};
pub use standby_db::StandbyDb;
pub(crate) use tally::mark;
pub use tally::{
    BlockClock, Books, Earnings, Followed, JournaledWindow, Learnt, Ledger, Mark, Miss,
    NoncedScore, Outcome, Pace, Past, Payment, Reward, Run, RunRepository, Span, Tally, Terms,
    Unready, Uptime, Window, count, pace, spent, uptime, windows,
};
pub use wallet_leases::{Claim, Lead, Seen, SharedSteps, Survey, Taken, WalletLeases};

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or can't be reached.
    #[error(
        "the database at {place} failed: {cause}; check that the disk has space and can be written to"
    )]
    Database {
        /// Which database.
        place: String,
        /// What it said.
        #[source]
        cause: sqlx::Error,
    },
    /// The database's file is damaged.
    #[error(
        "the database at {place} is damaged: {cause}; the worker mends it at its next start: it keeps \
         all that can be read and sets the damaged file aside"
    )]
    Damaged {
        /// Which database.
        place: String,
        /// What it said.
        #[source]
        cause: sqlx::Error,
    },
    /// The database server refused or can't be reached.
    #[error(
        "the database {place} failed: {cause}; check that it runs, that it can be reached from here, \
         and that its user may write"
    )]
    Server {
        /// Which database, without a password.
        place: String,
        /// What it said.
        #[source]
        cause: sqlx::Error,
    },
    /// The tables are not those that this version knows.
    #[error(
        "the tables of the database {place} can't be brought up to date: {cause}; if a newer worker \
         has used it, use that one, else name another database"
    )]
    Tables {
        /// Which database.
        place: String,
        /// Why.
        #[source]
        cause: Box<sqlx::migrate::MigrateError>,
    },
    /// The tables are those of an earlier version, and nobody brings them up to date who only reads.
    #[error(
        "the database {place} is of an earlier version: the worker brings it up to date at its next start"
    )]
    Older {
        /// Which database.
        place: String,
    },
    /// The name of a database is no name of one.
    #[error("the database's address can't be used: {cause}")]
    Url {
        /// What is wrong, and what would be right. Never the password.
        cause: String,
    },
    /// Another worker leads the wallet: nothing was written.
    #[error(
        "another worker has taken the lease of the wallet {address}: nothing was written; this one \
         sends nothing more, and begins anew as a standby"
    )]
    Fenced {
        /// Whose lease it is.
        address: String,
    },
    /// What was read makes no sense.
    #[error("the database holds {what} that can't be read: {cause}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it makes no sense.
        cause: String,
    },
}

impl StoreError {
    /// Whether the same may go well another time: all but a refusal of what was written, and what is
    /// wrong with a database's name or tables. The database refuses values by their content (classes 22
    /// and 54 of `PostgreSQL`'s codes, `TOOBIG`, `MISMATCH` and `RANGE` of `SQLite`'s), by a constraint
    /// (23, `CONSTRAINT`), or by a trigger of the operator's (P0); one row twice in a statement is 21. What
    /// is wrong with the database as a whole (a missing table or right, no space) is no fault of the
    /// row's, and counts as transient.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let (Self::Database { cause, .. } | Self::Server { cause, .. }) = self else {
            return self.is_damage();
        };
        match cause {
            sqlx::Error::Encode(_) => false,
            sqlx::Error::Database(told) => told.code().is_none_or(|code| !refuses_the_row(&code)),
            _ => true,
        }
    }

    /// Whether the database's file is damaged: nobody may rely on it before it is mended.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Whether the server is away for everybody. Whoever only can't be reached from here may serve others.
    #[must_use]
    pub fn down(&self) -> Option<Down> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        let (Self::Database { cause, .. } | Self::Server { cause, .. }) = self else {
            return None;
        };
        match cause {
            // A server on this machine may listen at a file.
            sqlx::Error::Io(cause) => {
                let is_refused = matches!(cause.kind(), ConnectionRefused | NotFound);
                is_refused.then_some(Down::Refused)
            }
            sqlx::Error::Database(told) => {
                let code = told.code().unwrap_or_default();
                is_down_for_all(&code).then_some(Down::Said)
            }
            _ => None,
        }
    }

    /// Whether the database took longer than it may (57014, which also stands for an administrator who
    /// stopped the statement): less at a time may go well.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        let (Self::Database { cause, .. } | Self::Server { cause, .. }) = self else {
            return false;
        };
        let told = cause
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        told.is_some_and(|code| code == "57014")
    }
}

/// How it is known that a database's server is away for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// It says so itself: see [`StoreError::down`].
    Said,
    /// Nobody listens at its address. What stands between may be what is away: a tunnel, a pooler.
    Refused,
}

/// It stops, starts or recovers (57P01 to 57P03), has no space left (53100), or takes no writes (25006), as
/// after a failover.
fn is_down_for_all(code: &str) -> bool {
    matches!(code, "57P01" | "57P02" | "57P03" | "53100" | "25006")
}

/// Whether `SQLite` found a file damaged (11), or no database (26).
pub(crate) fn is_damage(cause: &sqlx::Error) -> bool {
    let told = cause.as_database_error();
    let code = told.and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// `PostgreSQL`'s codes have five characters, `SQLite`'s are numbers whose lowest byte is the kind.
fn refuses_the_row(code: &str) -> bool {
    if code.len() == 5 {
        return matches!(&code[..2], "21" | "22" | "23" | "54" | "P0");
    }
    let kind = code.parse::<u32>().map(|code| code & 0xff);
    matches!(kind, Ok(18 | 19 | 20 | 25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_refuse_a_row_are_told_from_those_of_a_database_in_trouble() {
        for code in [
            "22021", "23505", "54000", "P0001", "19", "787", "2067", "18",
        ] {
            assert!(refuses_the_row(code), "{code}");
        }
        for code in [
            "08006", "25006", "42P01", "53100", "53300", "55P03", "57P01", "40001", "5", "6", "10",
            "13", "778", "11",
        ] {
            assert!(!refuses_the_row(code), "{code}");
        }
    }

    #[test]
    fn a_server_that_writes_for_nobody_is_down_for_all() {
        for code in ["57P01", "57P03", "53100", "25006"] {
            assert!(is_down_for_all(code), "{code}");
        }
        for code in ["53300", "42P01", "57014", "28P01", ""] {
            assert!(!is_down_for_all(code), "{code}");
        }
    }

    #[test]
    fn what_is_down_is_transient_and_what_makes_no_sense_is_not() {
        let failed = |cause| StoreError::Database {
            place: "here".into(),
            cause,
        };
        assert!(failed(sqlx::Error::PoolTimedOut).is_transient());
        assert!(failed(std::io::Error::other("reset").into()).is_transient());
        assert!(!failed(sqlx::Error::Encode("too long".into())).is_transient());
        let corrupt = StoreError::Corrupt {
            what: "a row",
            cause: "on purpose".into(),
        };
        assert!(!corrupt.is_transient());
        assert_eq!(corrupt.down(), None);
        let of_kind = |kind: std::io::ErrorKind| failed(std::io::Error::from(kind).into());
        let refused = of_kind(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(refused.down(), Some(Down::Refused));
        for kind in [
            std::io::ErrorKind::TimedOut,
            std::io::ErrorKind::ConnectionReset,
        ] {
            assert_eq!(of_kind(kind).down(), None, "{kind}");
        }
        assert_eq!(failed(sqlx::Error::PoolTimedOut).down(), None);
    }
}
