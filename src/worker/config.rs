//! Configuration of the worker room.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};
use time::{Date, OffsetDateTime, macros::format_description};

use crate::{
    forecast::{Target, TopicSource},
    forecasters::{ForecasterConfig, network::NetworkConfig},
    types::TopicId,
};

/// Section `[worker]`: how windows are waited for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// How often each topic's window is asked for over RPC, beside the chain's events. Shorter finds
    /// a window sooner when events fail, longer spares the nodes.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// Whether the wallet is registered in a topic in which it is not, for the chain's fee.
    pub auto_register: bool,
    /// How long a stop waits for a submission in flight; after that it is left to the journal.
    #[serde(with = "humantime_serde")]
    pub stop_grace: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(120),
            auto_register: true,
            stop_grace: Duration::from_secs(20),
        }
    }
}

/// One `[[topics]]` entry: a topic to answer, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// The topic's number on the chain.
    pub id: TopicId,
    /// The pair whose prices it asks for, such as `btcusd`.
    pub ticker: String,
    /// How far ahead it asks: whole hours.
    #[serde(with = "humantime_serde")]
    pub horizon: Duration,
    /// What it asks for.
    pub target: Target,
    /// Who answers instead of the built-in forecast, which then stands in.
    #[serde(default)]
    pub forecaster: Option<ForecasterConfig>,
    /// Where its forecast comes from, when no forecaster of the operator's answers it: `linfa`, `models`
    /// or `blend`.
    #[serde(default)]
    pub source: TopicSource,
    /// Which network of models `models` and `blend` hear, where it is not that of `[models]`.
    #[serde(default)]
    pub network: Option<NetworkConfig>,
}

/// No asset has a topic's ticker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAsset {
    /// The assets that there are, with commas.
    pub known: String,
}

impl TopicConfig {
    /// The asset whose predictions the topic is answered from: the one that its entry names, else the
    /// one among these, by name and pair, that has its ticker.
    ///
    /// # Errors
    /// When none has.
    pub fn asset_in(&self, assets: &BTreeMap<String, String>) -> Result<String, NoAsset> {
        let named = self.network.as_ref().and_then(|it| it.asset.clone());
        let mut all = assets.iter();
        let found = all
            .find(|(_, pair)| **pair == self.ticker)
            .map(|it| it.0.clone());
        named.or(found).ok_or_else(|| {
            let pairs: Vec<_> = assets
                .iter()
                .map(|(asset, pair)| format!("{asset} = {pair}"))
                .collect();
            NoAsset {
                known: pairs.join(", "),
            }
        })
    }
}

impl Default for TopicConfig {
    /// Topic 67: the log-return of BTC/USD over seven days.
    fn default() -> Self {
        Self {
            id: TopicId(67),
            ticker: "btcusd".into(),
            horizon: Duration::from_secs(7 * 24 * 3600),
            target: Target::LogReturn,
            forecaster: None,
            source: TopicSource::Linfa,
            network: None,
        }
    }
}

/// Section `[competition]`: the period in which windows are answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompetitionConfig {
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// The first day, from midnight UTC.
    #[serde(deserialize_with = "midnight")]
    pub start: OffsetDateTime,
    /// The day at whose midnight, UTC, it is over.
    #[serde(deserialize_with = "midnight")]
    pub end: OffsetDateTime,
}

/// Reads a day, `2025-09-16`, as a text or as TOML's own date, as its midnight in UTC.
fn midnight<'de, D: Deserializer<'de>>(from: D) -> Result<OffsetDateTime, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Text(String),
        Toml(toml::value::Datetime),
    }
    let text = match Day::deserialize(from) {
        Ok(Day::Text(text)) => text,
        Ok(Day::Toml(date)) => date.to_string(),
        Err(_) => return Err(not_a_day("this")),
    };
    let format = format_description!("[year]-[month]-[day]");
    let day = Date::parse(&text, &format).map_err(|_| not_a_day(&text))?;
    Ok(day.midnight().assume_utc())
}

fn not_a_day<E: Error>(text: &str) -> E {
    E::custom(format_args!(
        "{text} is not a day: write year-month-day, such as \"2025-09-16\""
    ))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn period(start: &str) -> Result<CompetitionConfig, toml::de::Error> {
        toml::from_str(&format!("start = {start}\nend = \"2025-12-15\""))
    }

    #[test]
    fn a_day_is_its_midnight_in_utc() {
        for written in ["\"2025-09-16\"", "2025-09-16"] {
            let read = period(written).unwrap();
            assert_eq!(read.start, datetime!(2025-09-16 0:00 UTC));
            assert_eq!((read.end - read.start).whole_hours(), 2_160);
        }
    }

    #[test]
    fn what_is_not_a_day_is_refused_with_what_would_be_right() {
        for written in [
            "\"16.9.2025\"",
            "\"2025-02-30\"",
            "5",
            "2025-09-16T13:00:00Z",
        ] {
            let refused = period(written).unwrap_err().to_string();
            assert!(refused.contains("such as \"2025-09-16\""), "{refused}");
        }
    }
}
