//! What each event says to people: its level, its message and its lines in the output log.

use serde::Serialize;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::Event;
use crate::forecast::Forecast;

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// How much an event matters to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Info,
    /// The worker copes by itself; worth a look when it goes on.
    Warn,
    /// A window was missed or will be, or somebody has to do something.
    Error,
}

/// An event in words.
#[derive(Clone, Debug)]
pub struct Words {
    /// How much it matters.
    pub level: Level,
    /// One sentence for the event log; details are in the event's fields.
    pub message: String,
    /// The lines of the output log, without their time.
    pub lines: Vec<String>,
}

impl Event {
    /// The event in one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        self.words().message
    }

    /// How much the event matters.
    #[must_use]
    pub fn level(&self) -> Level {
        self.words().level
    }

    /// The event in words: the one place where events are worded. No healthy event uses the word
    /// that the operator's alarm looks for, and only `WindowOpen` says that a window opened.
    #[must_use]
    #[allow(
        clippy::too_many_lines,
        reason = "one exhaustive list is easier to keep true than several"
    )]
    pub fn words(&self) -> Words {
        match self {
            Self::Starting {
                version,
                network,
                chain_id,
                pid,
            } => good("🚀", "Starting Allora Worker").with(format!(
                "{version} (network {network}, chain {chain_id}, pid {pid})"
            )),
            Self::EnvironmentLoaded { address, prices } => {
                good("✅", "Environment loaded successfully")
                    .with(format!("(address {address}, prices from {prices})"))
            }
            Self::SingletonPassed { pidfile } => {
                good("✅", "Singleton guard passed").with(format!("({pidfile})"))
            }
            Self::CompetitionActive { end } => {
                good("✅", "Competition is active").with(end.map_or_else(
                    || "(no period is set)".to_owned(),
                    |end| format!("(until {})", iso_seconds(end)),
                ))
            }
            Self::CompetitionWaiting {
                start,
                wait_seconds,
            } => good("⏳", "Waiting for the competition to begin").with(format!(
                "at {}, in {}",
                iso_seconds(*start),
                span(*wait_seconds)
            )),
            Self::CompetitionEnded { end } => {
                good("🏁", "The competition ended").with(format!("at {}", iso_seconds(*end)))
            }
            Self::WorkerInitialized {
                address,
                balance,
                topics,
                height,
                emissions,
            } => good("✅", "Worker initialized").with(format!(
                "(address {address}, balance {balance}, topics {}, block {height}, {emissions})",
                list(topics)
            )),
            Self::Registering { topic, fee } => {
                good("ℹ️", "Registering in the topic").with(format!("{topic} for {fee}"))
            }
            Self::Registered { topic, height, .. } => {
                good("✅", "Registered in the topic").with(format!("{topic} (block {height})"))
            }
            Self::PollingStarted { poll_seconds } => {
                let mut words = good("ℹ️", "Starting worker polling loop...")
                    .with(format!("(every {poll_seconds} s)"));
                words
                    .lines
                    .push("ℹ️ Worker will respond to network submission windows".into());
                words
            }
            Self::Ready { topics, start_ms } => good("✅", "Worker is ready").with(format!(
                "(topics {}, {start_ms} ms after the start)",
                list(topics)
            )),
            Self::WebsocketConnected { endpoint } => {
                good("✅", "Websocket connected").with(format!("({endpoint})"))
            }
            Self::WebsocketLost {
                endpoint,
                cause,
                retry_ms,
            } => warning(format!(
                "Websocket to {endpoint} lost: {cause}; opening it again in {retry_ms} ms"
            )),
            Self::WindowOpen {
                topic,
                nonce,
                window_end,
                ..
            } => good("🔔", "Submission window opened").with(format!(
                "(nonce={nonce}) topic {topic}, until block {window_end}"
            )),
            Self::ForecastUsed {
                topic,
                nonce,
                forecast,
            } => {
                let mut words = generated(forecast);
                words.message = "Prepared forecast is used for prediction".into();
                words.lines.insert(
                    0,
                    format!(
                        "ℹ️ Prepared forecast is used for prediction (topic {topic}, nonce={nonce}, made {})",
                        iso_seconds(forecast.made_at)
                    ),
                );
                words
            }
            Self::ForecastTraining { topic, nonce } => {
                good("ℹ️", "Training fresh model for prediction")
                    .with(format!("(topic {topic}, nonce={nonce})"))
            }
            Self::ForecastTrained { forecast, .. } => generated(forecast),
            Self::ForecastPrepared { forecast } => {
                let words = good("ℹ️", "Forecast prepared for the next window")
                    .with(format!("(topic {}, {})", forecast.topic, basis(forecast)));
                words.at(forecast_level(forecast))
            }
            Self::Submitted {
                topic,
                nonce,
                value,
                hash,
                fee,
                latency_ms,
                ..
            } => good("📤", "Prediction submitted").with(format!(
                "(topic {topic}, nonce={nonce}, value={value}, fee {fee}, tx {hash}, {latency_ms:.1} ms)"
            )),
            Self::DryRun {
                topic,
                nonce,
                value,
                hash,
                ..
            } => good("🧪", "Dry run: signed, not sent").with(format!(
                "(topic {topic}, nonce={nonce}, value={value}, tx {hash})"
            )),
            Self::SubmissionSuccessful {
                topic,
                nonce,
                height,
                gas_used,
                ..
            } => good("✅", "Submission successful!").with(format!(
                "(topic {topic}, nonce={nonce}, block {height}, gas {gas_used})"
            )),
            Self::Counted { topic, nonce } => good("🏆", "Inference counted at the window's close")
                .with(format!("(topic {topic}, nonce={nonce})")),
            Self::Outranked {
                topic,
                nonce,
                places,
            } => good("ℹ️", "Inference delivered but outranked").with(format!(
                "(topic {topic}, nonce={nonce}): better inferers took all {places} places"
            )),
            Self::SubmissionRefused {
                topic,
                nonce,
                codespace,
                code,
                log,
                next,
            } => bad(format!(
                "The chain refused the submission for topic {topic}, nonce {nonce} \
                 ({codespace} {code}): {log}; {next}"
            )),
            Self::SubmissionDelayed {
                topic,
                nonce,
                cause,
                next,
            } => warning(format!(
                "Submission for topic {topic}, nonce {nonce} is delayed: {cause}; {next}"
            )),
            Self::WindowMissed {
                topic,
                nonce,
                window_end,
                cause,
            } => bad(format!(
                "Window of topic {topic}, nonce {nonce} missed (closed after block {window_end}): {cause}"
            )),
            Self::SubmissionResumed {
                topic,
                nonce,
                state,
            } => good("♻️", "Submission of an earlier run resumed")
                .with(format!("(topic {topic}, nonce={nonce}, {state})")),
            Self::Balance { balance } => good("💰", "Balance").with(balance.to_string()),
            Self::BalanceLow {
                balance,
                threshold,
                remedy,
            } => warning(format!("Balance {balance} is below {threshold}: {remedy}")),
            Self::PricesUpdated {
                ticker,
                closes,
                added,
                until,
            } => good("📈", "Prices updated").with(format!(
                "({ticker}: {closes} closes, {added} new{})",
                until.map_or_else(String::new, |at| format!(", until {}", iso_seconds(at)))
            )),
            Self::PricesUnavailable {
                ticker,
                cause,
                remedy,
                retry_seconds,
            } => bad(format!(
                "Prices of {ticker} can't be had: {cause}; {remedy}; next attempt in {retry_seconds} s"
            )),
            Self::TopicUnavailable {
                topic,
                cause,
                remedy,
            } => bad(format!("Topic {topic} can't be served: {cause}; {remedy}")),
            Self::NodeTrouble { endpoint, cause } => {
                warning(format!("Node {endpoint} has trouble: {cause}"))
            }
            Self::Trouble { cause, remedy } => bad(format!("{cause}; {remedy}")),
            Self::Fatal { cause, remedy } => {
                bad(format!("The worker can't go on: {cause}; {remedy}"))
            }
            Self::Stopping { signal, in_flight } => good("🛑", "Stopping").with(format!(
                "after {signal}, {in_flight} submissions in flight"
            )),
            Self::Stopped { reason } => good("👋", "Worker stopped").with(format!(": {reason}")),
        }
    }
}

impl Words {
    /// Adds details to the newest line.
    fn with(mut self, details: String) -> Self {
        if let Some(line) = self.lines.last_mut() {
            if !details.starts_with(':') {
                line.push(' ');
            }
            line.push_str(&details);
        }
        self
    }

    /// Raises a healthy event to a warning when its content is not healthy.
    fn at(mut self, level: Level) -> Self {
        self.level = level;
        if level == Level::Warn
            && let Some(line) = self.lines.last_mut()
        {
            *line = format!("⚠️ {line}");
        }
        self
    }
}

fn good(icon: &str, message: &str) -> Words {
    Words {
        level: Level::Info,
        message: message.to_owned(),
        lines: vec![format!("{icon} {message}")],
    }
}

fn warning(message: String) -> Words {
    let lines = vec![format!("⚠️ {message}")];
    Words {
        level: Level::Warn,
        message,
        lines,
    }
}

fn bad(message: String) -> Words {
    let lines = vec![format!("❌ ERROR {message}")];
    Words {
        level: Level::Error,
        message,
        lines,
    }
}

fn generated(forecast: &Forecast) -> Words {
    good("🎯", "Model trained and prediction generated")
        .with(format!("(value={}, {})", forecast.value, basis(forecast)))
        .at(forecast_level(forecast))
}

/// A forecast that is 0.0 for want of a better one is worth a look.
fn forecast_level(forecast: &Forecast) -> Level {
    if forecast.fallback.is_some() {
        Level::Warn
    } else {
        Level::Info
    }
}

fn basis(forecast: &Forecast) -> String {
    match &forecast.fallback {
        Some(why) => format!(
            "fallback because of {}",
            serde_json::to_string(why).unwrap_or_default()
        ),
        None => format!("from {} closes", forecast.closes),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

fn span(seconds: i64) -> String {
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3_600);
    let (minutes, seconds) = (seconds % 3_600 / 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A time as the output log writes it, `2025-09-16T13:00:00Z`.
pub(super) fn iso_seconds(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(SECONDS)
        .unwrap_or_default()
}

/// A time as the event log writes it, `2025-09-16T13:00:00.000Z`.
pub(super) fn iso_milliseconds(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(MILLISECONDS)
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
