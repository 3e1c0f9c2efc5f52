//! What the Scoring worker does, as events, and what they say to people.

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::phrase::{Words, good, span, warning};

/// Something that happened in the Scoring worker: a line of its event log.
#[allow(
    missing_docs,
    reason = "the fields are named in full, with their units"
)]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ScoreEvent {
    /// The process has begun.
    ScoreStarting {
        version: &'static str,
        crunch_id: String,
        /// Without a password.
        database: String,
        /// What models answer in.
        unit: String,
        pid: u32,
    },
    /// All that could be scored is.
    ScoringDone {
        scored: u64,
        /// Predictions that never will have a score.
        unscorable: u64,
        /// Predictions whose prices may still come.
        waiting: u64,
        /// Rows that make no sense and wait for somebody to correct or delete them.
        unreadable: u64,
        /// Models on a leaderboard that was made.
        models: usize,
        /// How far prices have come.
        #[serde(
            skip_serializing_if = "Option::is_none",
            with = "time::serde::rfc3339::option"
        )]
        until: Option<OffsetDateTime>,
        took_ms: f64,
    },
    /// Another model is first.
    LeaderChanged {
        model_id: String,
        /// How much of the reference's loss it saves.
        score: f64,
        before: Option<String>,
    },
    /// The database can't be read or written.
    ScoreStoreUnavailable { database: String, cause: String },
    /// It can again.
    ScoreStoreBack {
        database: String,
        /// How long it was away.
        seconds: u64,
    },
}

impl ScoreEvent {
    pub(super) fn words(&self) -> Words {
        match self {
            Self::ScoreStarting {
                version,
                crunch_id,
                database,
                unit,
                pid,
            } => good("🚀", "Starting Allora Scoring worker").with(format!(
                "{version} (crunch {crunch_id}, answers in {unit}, database {database}, pid {pid})"
            )),
            Self::ScoringDone {
                scored,
                unscorable,
                waiting,
                unreadable,
                models,
                until,
                took_ms,
            } => {
                let unreadable = match unreadable {
                    0 => String::new(),
                    rows => format!(", {rows} rows make no sense: correct or delete them"),
                };
                let until = until.and_then(|it| it.format(&Rfc3339).ok());
                let until = until.map_or_else(
                    || "there are no prices yet".to_owned(),
                    |until| format!("prices until {until}"),
                );
                good("🧮", "Predictions scored").with(format!(
                    "({scored} scored, {unscorable} can't be, {waiting} wait for prices{unreadable}; {models} models ranked anew; {until}; {took_ms:.0} ms)"
                ))
            }
            Self::LeaderChanged {
                model_id,
                score,
                before,
            } => {
                let before = before.as_ref();
                let before = before.map_or_else(String::new, |it| format!(", after {it}"));
                good("🏆", "The leaderboard has a new first")
                    .with(format!(": {model_id} with {score:.4}{before}"))
            }
            Self::ScoreStoreUnavailable { database, cause } => warning(format!(
                "{database} can't be used: {cause}; scoring goes on when it is back, and nothing is lost"
            )),
            Self::ScoreStoreBack { database, seconds } => {
                good("💾", "The database is back").with(format!(
                    "({database} was away for {})",
                    span(i64::try_from(*seconds).unwrap_or(i64::MAX))
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::ops::{Event, Level};

    fn healthy() -> Vec<ScoreEvent> {
        vec![
            ScoreEvent::ScoreStarting {
                version: "0.1.0",
                crunch_id: "condorgame".into(),
                database: "sqlite://p.db".into(),
                unit: "price-difference".into(),
                pid: 7,
            },
            ScoreEvent::ScoringDone {
                scored: 20,
                unscorable: 1,
                waiting: 3,
                unreadable: 0,
                models: 5,
                until: Some(datetime!(2026-01-02 3:04 UTC)),
                took_ms: 812.4,
            },
            ScoreEvent::LeaderChanged {
                model_id: "17".into(),
                score: 0.03125,
                before: Some("4".into()),
            },
            ScoreEvent::ScoreStoreBack {
                database: "sqlite://p.db".into(),
                seconds: 61,
            },
        ]
    }

    #[test]
    fn each_says_what_it_is_about() {
        let words = healthy().into_iter().map(|event| event.words());
        let lines: Vec<_> = words.flat_map(|it| it.lines).collect();
        for (line, wanted) in lines.iter().zip([
            "🚀 Starting Allora Scoring worker 0.1.0 (crunch condorgame, answers in price-difference",
            "🧮 Predictions scored (20 scored, 1 can't be, 3 wait for prices; 5 models ranked anew; \
             prices until 2026-01-02T03:04:00Z; 812 ms)",
            "🏆 The leaderboard has a new first: 17 with 0.0312, after 4",
            "💾 The database is back (sqlite://p.db was away for",
        ]) {
            assert!(line.starts_with(wanted), "{line}");
        }
    }

    #[test]
    fn healthy_ones_never_hold_the_word_of_the_alarm() {
        for event in healthy() {
            let words = event.words();
            assert_eq!(words.level, Level::Info);
            let line = serde_json::to_string(&Event::from(event)).unwrap();
            let all = format!("{line} {} {}", words.message, words.lines.join(" "));
            assert!(!all.to_lowercase().contains("error"), "{all}");
        }
    }

    #[test]
    fn a_database_that_is_away_is_a_warning() {
        let event = ScoreEvent::ScoreStoreUnavailable {
            database: "sqlite://p.db".into(),
            cause: "refused".into(),
        };
        let words = event.words();
        assert_eq!(words.level, Level::Warn);
        assert!(words.message.contains("refused"), "{}", words.message);
    }
}
