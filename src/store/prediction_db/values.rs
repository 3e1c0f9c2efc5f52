//! Values as both databases take them.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::super::{ConfigKey, Prediction, PredictionConfig};

/// Ids stand in indexes, whose rows PostgreSQL limits to a third of a page.
const LONGEST_ID: usize = 255;
/// What is kept of a longer one, before its hash.
const KEPT: usize = 200;

/// A text without NUL, which PostgreSQL refuses: what a model sends must not keep others' answers out.
pub(super) fn text(given: &str) -> Cow<'_, str> {
    if given.contains('\0') {
        Cow::Owned(given.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(given)
    }
}

/// An id without NUL, of 255 bytes at most: a longer one ends in a hash.
pub(super) fn id(given: &str) -> Cow<'_, str> {
    let clean = text(given);
    if clean.len() <= LONGEST_ID {
        return clean;
    }
    let kept = (0..=KEPT).rev().find(|at| clean.is_char_boundary(*at));
    let head = clean.get(..kept.unwrap_or_default()).unwrap_or_default();
    let hash = hex::encode(Sha256::digest(clean.as_bytes()));
    let hash = hash.get(..32).unwrap_or_default();
    Cow::Owned(format!("{head}…{hash}"))
}

/// A text that need not be there.
pub(super) fn maybe(given: Option<&str>) -> Option<Cow<'_, str>> {
    given.map(text)
}

/// Unix milliseconds.
pub(super) fn millis(at: OffsetDateTime) -> i64 {
    let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// The same time to the millisecond, as it is read back.
pub(super) fn moment(at: OffsetDateTime) -> OffsetDateTime {
    of_millis(millis(at)).unwrap_or(at)
}

/// The time of unix milliseconds, within the calendar's years.
pub(super) fn of_millis(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

/// A count as a signed number; what is beyond it becomes the greatest.
pub(super) fn count(given: u64) -> i64 {
    i64::try_from(given).unwrap_or(i64::MAX)
}

/// What tells one row of `prediction_configs` from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConfigId {
    pub(super) crunch_id: String,
    pub(super) asset: String,
    pub(super) horizon: u32,
    pub(super) step: u32,
    /// 0 for all models.
    pub(super) best: u32,
}

impl ConfigId {
    pub(super) fn of_config(crunch_id: &str, config: &PredictionConfig) -> Self {
        Self {
            crunch_id: id(crunch_id).into_owned(),
            asset: id(&config.asset).into_owned(),
            horizon: config.horizon,
            step: config.step,
            best: config.best.unwrap_or_default(),
        }
    }

    /// Reads a key from its end: an asset may hold a slash.
    pub(super) fn of_key(crunch_id: &str, key: &ConfigKey) -> Option<Self> {
        let (rest, last) = key.0.rsplit_once('/')?;
        let (rest, best) = match last.strip_prefix("best") {
            Some(best) => (rest, best.parse().ok().filter(|best| *best > 0)?),
            None => (key.0.as_str(), 0),
        };
        let (rest, step) = rest.rsplit_once('/')?;
        let (asset, horizon) = rest.rsplit_once('/')?;
        Some(Self {
            crunch_id: id(crunch_id).into_owned(),
            asset: id(asset).into_owned(),
            horizon: horizon.parse().ok()?,
            step: step.parse().ok()?,
            best,
        })
    }

    /// By its key, else by what was asked for.
    pub(super) fn of_prediction(it: &Prediction) -> Self {
        Self::of_key(&it.crunch_id, &it.config).unwrap_or_else(|| Self {
            crunch_id: id(&it.crunch_id).into_owned(),
            asset: id(&it.asset).into_owned(),
            horizon: it.horizon,
            step: it.step,
            best: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for asset in ["BTC", "BTC/USD", "é", "best", "A/best"] {
            for best in [None, Some(10)] {
                let config = PredictionConfig {
                    asset: asset.into(),
                    horizon: 86_400,
                    step: 300,
                    interval: 60,
                    active: true,
                    order: 3,
                    best,
                };
                let read = ConfigId::of_key("c", &config.key());
                assert_eq!(read, Some(ConfigId::of_config("c", &config)), "{asset}");
            }
        }
        for wrong in [
            "",
            "BTC",
            "BTC/1",
            "BTC/x/1",
            "BTC/1/2/best0",
            "BTC/1/2/bestx",
        ] {
            assert_eq!(
                ConfigId::of_key("c", &ConfigKey(wrong.into())),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn texts_become_such_as_any_database_takes() {
        assert_eq!(text("a\0b\0"), "a\u{fffd}b\u{fffd}");
        assert_eq!(id("m\0"), "m\u{fffd}");
        let (one, other) = ("é".repeat(5_000), "é".repeat(5_001));
        assert!(id(&one).len() <= LONGEST_ID);
        assert_ne!(id(&one), id(&other));
        assert_eq!(id(&id(&one)), id(&one));
        assert_eq!(count(u64::MAX), i64::MAX);
        let before_1970 = OffsetDateTime::UNIX_EPOCH - time::Duration::microseconds(1);
        assert_eq!(millis(before_1970), -1);
        assert_eq!(of_millis(i64::MAX), None);
    }
}
