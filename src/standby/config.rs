//! Configuration of the standby room.

use std::time::Duration;

use serde::Deserialize;

/// Section `[standby]`: how the workers of one wallet take turns. It counts where
/// `STANDBY_DATABASE_URL` names a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StandbyConfig {
    /// How long a lease lasts. It is renewed each third of this, so it should be far above the way to the
    /// database; another worker takes over as soon as it has lapsed.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// What this worker calls itself; by default its host's name with a number that its data folder keeps.
    pub name: Option<String>,
    /// What the worker that leads does while the database is down for all.
    pub without_database: WithoutDatabase,
}

/// What the worker that leads does while the database is down for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutDatabase {
    /// It goes on: nobody can take over.
    #[default]
    GoOn,
    /// It sends nothing until the database is back.
    Stop,
}

/// A value that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadStandbyValue {
    /// The key in the section.
    pub key: &'static str,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: &'static str,
}

/// The longest name.
const LONGEST_NAME: usize = 100;

impl Default for StandbyConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(3),
            name: None,
            without_database: WithoutDatabase::GoOn,
        }
    }
}

impl StandbyConfig {
    /// Checks what types let through.
    ///
    /// # Errors
    /// The first value that makes no sense.
    pub fn check(&self) -> Result<(), BadStandbyValue> {
        let limits = Duration::from_millis(500)..=Duration::from_secs(30);
        if !limits.contains(&self.heartbeat) {
            return Err(BadStandbyValue {
                key: "heartbeat",
                wrong: format!("is {:?}", self.heartbeat),
                right: "write 500ms to 30s",
            });
        }
        let is_a_name = |name: &String| {
            (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(|it| it.is_ascii_graphic())
        };
        if self.name.as_ref().is_none_or(is_a_name) {
            return Ok(());
        }
        Err(BadStandbyValue {
            key: "name",
            wrong: format!("is {:?}", self.name.as_deref().unwrap_or_default()),
            right: "write up to 100 letters, digits and signs without spaces",
        })
    }

    /// From one renewal, or one look, to the next.
    #[must_use]
    pub fn third(&self) -> Duration {
        self.heartbeat / 3
    }

    /// How long a lease that is renewed now allows to send: a tenth less than it lasts, for clocks that
    /// don't go alike and for bytes that are on their way.
    #[must_use]
    pub fn allowance(&self) -> Duration {
        self.heartbeat * 9 / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> StandbyConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_makes_no_sense_is_refused() {
        assert_eq!(read(""), StandbyConfig::default());
        assert_eq!(StandbyConfig::default().check(), Ok(()));
        let read_one = read("heartbeat = \"6s\"\nname = \"mill-1\"\nwithout_database = \"stop\"");
        assert_eq!(read_one.check(), Ok(()));
        assert_eq!(read_one.third(), Duration::from_secs(2));
        assert!(read_one.allowance() < read_one.heartbeat);
        for (text, key) in [
            ("heartbeat = \"100ms\"", "heartbeat"),
            ("heartbeat = \"5m\"", "heartbeat"),
            ("name = \"\"", "name"),
            ("name = \"two words\"", "name"),
        ] {
            assert_eq!(read(text).check().unwrap_err().key, key, "{text}");
        }
    }
}
