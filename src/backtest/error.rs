//! What can be wrong with a backtest.

use std::{path::PathBuf, time::Duration};

use time::Date;

/// Why a backtest can't be made.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// A span of time is no whole number of hours, or none at all.
    #[error("{what} is {value:?}; write whole hours or days, such as {example}")]
    BadSpan {
        /// Which: the flag's name.
        what: &'static str,
        /// What was given.
        value: Duration,
        /// What would do.
        example: &'static str,
    },
    /// The period is empty.
    #[error("the period from {from} to {to} holds no day; --to must be later than --from")]
    FromAfterTo {
        /// The first day.
        from: Date,
        /// The day after the last.
        to: Date,
    },
    /// No forecast's outcome is known.
    #[error(
        "there is nothing to score: {closes} closes from {first} to {last}, and a forecast needs a \
         close {hours} hours after it; give longer prices, a shorter --horizon or --visible, or another \
         period"
    )]
    NothingToScore {
        /// Closes that were given.
        closes: usize,
        /// The day of the first.
        first: String,
        /// The day of the last.
        last: String,
        /// The horizon.
        hours: u64,
    },
    /// Prices never moved, or aren't numbers.
    #[error(
        "the outcomes can't be scored: all of them are zero; check whether the file's close column \
         holds prices that move"
    )]
    NothingMoved,
    /// The report can't be written.
    #[error("{path} can't be written: {cause}; check the folder, its permissions and its space")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A picture can't be drawn or the page can't be made.
    #[error("the report can't be made: {cause}; leave --report out for the table alone")]
    Report {
        /// What was said.
        cause: String,
    },
}
