//! Configuration of alerts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A window closed without an answer of ours.
    WindowMissed,
    /// The wallet's balance is low.
    LowBalance,
    /// Answers are a fallback, or a stand-in for the wanted forecast.
    FallbackForecast,
    /// An endpoint of the pool is out.
    EndpointsDegraded,
    /// The competition ends within days.
    CompetitionEnding,
    /// The worker has stopped, could not go on, or was killed.
    WorkerStopped,
    /// No window could be answered now.
    NotReady,
    /// No source gives prices at present, whether or not candles are still new enough to forecast from.
    PricesUnavailable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::WindowMissed,
        Self::LowBalance,
        Self::FallbackForecast,
        Self::EndpointsDegraded,
        Self::CompetitionEnding,
        Self::WorkerStopped,
        Self::NotReady,
        Self::PricesUnavailable,
    ];

    /// As in the configuration and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WindowMissed => "window_missed",
            Self::LowBalance => "low_balance",
            Self::FallbackForecast => "fallback_forecast",
            Self::EndpointsDegraded => "endpoints_degraded",
            Self::CompetitionEnding => "competition_ending",
            Self::WorkerStopped => "worker_stopped",
            Self::NotReady => "not_ready",
            Self::PricesUnavailable => "prices_unavailable",
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::WindowMissed => "window missed",
            Self::LowBalance => "low balance",
            Self::FallbackForecast => "fallback forecast in use",
            Self::EndpointsDegraded => "endpoints degraded",
            Self::CompetitionEnding => "competition about to end",
            Self::WorkerStopped => "worker stopped",
            Self::NotReady => "not ready",
            Self::PricesUnavailable => "prices can't be had",
        }
    }
}

/// How the webhook wants its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// All that is known, as JSON.
    #[default]
    Generic,
    /// Slack's incoming webhooks, and those that speak as they do.
    Slack,
    /// A bot of Telegram's: the URL is `https://api.telegram.org/botTOKEN`.
    Telegram,
}

/// Section `[alerts]`. The webhook's URL is a secret: `ALERT_WEBHOOK_URL`. Without one nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// How the webhook wants its messages.
    pub form: Form,
    /// The chat that a bot of Telegram's writes to.
    pub chat_id: String,
    /// What is told of.
    pub on: Vec<Kind>,
    /// How long something has to last until it is told: longer means fewer alarms for what heals by itself.
    /// Missed windows, a low balance and a stop are told at once. What cuts the worker off is noticed within
    /// half a minute, so that with a quarter more all is told within a minute.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// When what still lasts is told again.
    #[serde(with = "humantime_serde")]
    pub repeat: Duration,
    /// The most messages within an hour. What is held back is summed up in one. A stop is always told.
    pub most_per_hour: u32,
    /// Days before the competition's end.
    pub days_before: u32,
}

/// A value of `[alerts]` that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAlertValue {
    /// Its key.
    pub key: &'static str,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: &'static str,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self {
            form: Form::Generic,
            chat_id: String::new(),
            on: Kind::ALL.to_vec(),
            after: Duration::from_secs(15),
            repeat: Duration::from_hours(6),
            most_per_hour: 12,
            days_before: 3,
        }
    }
}

impl AlertsConfig {
    /// Whether the values make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), BadAlertValue> {
        let refuse = |key, wrong: String, right| Err(BadAlertValue { key, wrong, right });
        if self.form == Form::Telegram && self.chat_id.trim().is_empty() {
            let right = "name the chat: its number, or @channel";
            return refuse("chat_id", "is empty".into(), right);
        }
        if self.after > Duration::from_hours(1) {
            let wrong = format!("is {:?}", self.after);
            return refuse("after", wrong, "write an hour at most, such as \"20s\"");
        }
        if self.repeat < Duration::from_mins(1) {
            let wrong = format!("is {:?}", self.repeat);
            return refuse("repeat", wrong, "write a minute at least, such as \"6h\"");
        }
        if !(1..=1_000).contains(&self.most_per_hour) {
            let wrong = format!("is {}", self.most_per_hour);
            return refuse("most_per_hour", wrong, "write 1 to 1000");
        }
        Ok(())
    }
}
