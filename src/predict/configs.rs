//! What is asked for: the configuration's schedules, and the rows of the database once it is there.

use std::collections::{BTreeMap, HashMap};

use crate::store::{ConfigKey, Interval, PredictionConfig, StoredConfig};

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The assets whose prices models are told, each with the seconds from one price to the next.
    pub assets: BTreeMap<String, u32>,
}

impl Scope {
    /// Assets, each with the interval of its candles.
    #[must_use]
    pub fn of<'a>(assets: impl IntoIterator<Item = (&'a String, Interval)>) -> Self {
        let seconds = |it: Interval| u32::try_from(it.seconds()).unwrap_or(u32::MAX);
        let assets = assets.into_iter();
        Self {
            assets: assets
                .map(|(asset, interval)| (asset.clone(), seconds(interval)))
                .collect(),
        }
    }

    /// The longest time from one price of an asset to the next, seconds.
    #[must_use]
    pub fn coarsest(&self) -> u32 {
        self.assets.values().copied().max().unwrap_or_default()
    }

    /// Where a replay stood, by what a database holds: the oldest of the newest slots of what is asked
    /// for here, unix seconds. What is further is made again, which changes nothing.
    #[must_use]
    pub fn stood(&self, rows: &[StoredConfig]) -> Option<i64> {
        let asked = |row: &&StoredConfig| row.config.active && self.check(&row.config).is_ok();
        let slots = rows.iter().filter(asked).filter_map(|row| row.performed);
        slots.min()
    }

    /// Checks whether models can be asked for this.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub(super) fn check(&self, config: &PredictionConfig) -> Result<(), String> {
        let PredictionConfig {
            asset,
            horizon,
            step,
            interval,
            ..
        } = config;
        let Some(resolution) = self.assets.get(asset).map(|it| (*it).max(1)) else {
            let known: Vec<_> = self.assets.keys().map(String::as_str).collect();
            return Err(format!(
                "models are told no prices of {asset}; the assets are {}",
                known.join(", ")
            ));
        };
        if *interval == 0 {
            return Err("its interval is 0; give the seconds from one round to the next".into());
        }
        if config.best == Some(0) {
            return Err("its best are 0 models; give 1 or more, or none for all models".into());
        }
        for (name, seconds) in [("horizon", horizon), ("step", step)] {
            if *seconds == 0 || seconds % resolution != 0 {
                return Err(format!(
                    "its {name} of {seconds} s is no multiple of {resolution} s, which lie between one price of {asset} and the next; give a multiple, or finer prices"
                ));
            }
        }
        if horizon % step != 0 {
            return Err(format!(
                "its step of {step} s does not divide its horizon of {horizon} s; give one that does"
            ));
        }
        Ok(())
    }
}

/// Tells which configs count, and complains once of each that can't.
#[derive(Debug)]
pub(super) struct Configs {
    scope: Scope,
    /// The complaints about what is left out now.
    told: HashMap<ConfigKey, String>,
}

impl Configs {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            scope,
            told: HashMap::new(),
        }
    }

    /// The active ones that can be asked for, and complaints that are new.
    pub(super) fn sift(
        &mut self,
        configs: impl IntoIterator<Item = PredictionConfig>,
    ) -> (Vec<PredictionConfig>, Vec<String>) {
        let (mut good, mut new, mut told) = (Vec::new(), Vec::new(), HashMap::new());
        for config in configs.into_iter().filter(|config| config.active) {
            let Err(wrong) = self.scope.check(&config) else {
                good.push(config);
                continue;
            };
            let key = config.key();
            if self.told.get(&key) != Some(&wrong) {
                new.push(format!("{key} is not asked for: {wrong}"));
            }
            told.insert(key, wrong);
        }
        self.told = told;
        (good, new)
    }

    /// As [`Configs::sift`], for rows of the database, and which slots they say are done.
    pub(super) fn sift_rows(
        &mut self,
        rows: Vec<StoredConfig>,
    ) -> (Vec<PredictionConfig>, Vec<String>, Vec<(ConfigKey, i64)>) {
        let slots = rows
            .iter()
            .filter_map(|row| Some((row.config.key(), row.performed?)));
        let slots = slots.collect();
        let (good, complaints) = self.sift(rows.into_iter().map(|row| row.config));
        (good, complaints, slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::PredictConfig;

    fn config(asset: &str, horizon: u32, step: u32, interval: u32) -> PredictionConfig {
        PredictionConfig {
            asset: asset.into(),
            horizon,
            step,
            interval,
            active: true,
            order: 0,
            best: None,
        }
    }

    fn hourly() -> Configs {
        let assets = ["BTC".to_owned(), "ETH".to_owned()];
        Configs::new(Scope::of(assets.iter().map(|it| (it, Interval::Hour))))
    }

    #[test]
    fn what_can_not_be_asked_for_is_told_once() {
        let mut configs = hourly();
        let all = || {
            vec![
                config("BTC", 86_400, 3_600, 720),
                config("BTC", 86_400, 300, 3_600),
                config("BTC", 1_800, 1_800, 3_600),
                config("BTC", 10_800, 7_200, 3_600),
                config("BTC", 3_600, 0, 3_600),
                config("BTC", 7_200, 3_600, 0),
                config("XAU", 3_600, 3_600, 3_600),
                PredictionConfig {
                    best: Some(0),
                    ..config("ETH", 3_600, 3_600, 60)
                },
                PredictionConfig {
                    active: false,
                    ..config("DOGE", 1, 7, 0)
                },
            ]
        };
        let (good, complaints) = configs.sift(all());
        assert_eq!(good, [config("BTC", 86_400, 3_600, 720)]);
        let expected = [
            "BTC/86400/300 is not asked for: its step of 300 s is no multiple of 3600 s",
            "BTC/1800/1800 is not asked for: its horizon of 1800 s is no multiple of 3600 s",
            "its step of 7200 s does not divide its horizon of 10800 s",
            "its step of 0 s is no multiple",
            "its interval is 0",
            "no prices of XAU; the assets are BTC, ETH",
            "its best are 0 models",
        ];
        assert_eq!(complaints.len(), expected.len());
        for (complaint, expected) in complaints.iter().zip(expected) {
            assert!(complaint.contains(expected), "{complaint}");
        }
        assert_eq!(configs.sift(all()).1, Vec::<String>::new());
        let (_, corrected) = configs.sift([]);
        assert_eq!(corrected, Vec::<String>::new());
        assert_eq!(configs.sift(all()).1.len(), expected.len(), "it came back");
    }

    #[test]
    fn the_defaults_are_in_their_own_scope() {
        let settings = PredictConfig::default();
        let all = settings
            .schedules
            .iter()
            .map(crate::predict::ScheduleConfig::stored);
        let assets = settings.assets.keys();
        let scope = Scope::of(assets.map(|it| (it, settings.resolution)));
        let (good, complaints) = Configs::new(scope).sift(all);
        assert_eq!((good.len(), complaints), (3, Vec::new()));
    }

    #[test]
    fn each_asset_has_its_own_resolution() {
        let (btc, eth) = ("BTC".to_owned(), "ETH".to_owned());
        let scope = Scope::of([(&btc, Interval::Minute), (&eth, Interval::Hour)]);
        assert_eq!(scope.coarsest(), 3_600);
        let all = ["BTC", "ETH"].map(|asset| config(asset, 3_600, 60, 720));
        let (good, complaints) = Configs::new(scope).sift(all);
        assert_eq!(good, [config("BTC", 3_600, 60, 720)]);
        assert_eq!(complaints.len(), 1);
        let expected = "ETH/3600/60 is not asked for: its step of 60 s is no multiple of 3600 s";
        assert!(complaints[0].contains(expected), "{}", complaints[0]);
    }

    #[test]
    fn a_replay_stood_where_the_slowest_of_its_own_rounds_was() {
        let row = |asset: &str, active, performed| StoredConfig {
            config: PredictionConfig {
                active,
                ..config(asset, 3_600, 3_600, 60)
            },
            performed,
        };
        let rows = [
            row("BTC", true, Some(1_800)),
            row("ETH", true, Some(1_200)),
            row("ETH", false, Some(600)),
            row("XAU", true, Some(60)),
            row("BTC", true, None),
            row("BTC", false, Some(9_000)),
        ];
        let scope = hourly().scope;
        assert_eq!(scope.stood(&rows), Some(1_200));
        assert_eq!(scope.stood(&rows[2..]), None);
    }

    #[test]
    fn rows_bring_their_slots() {
        let row = |asset: &str, performed| StoredConfig {
            config: config(asset, 3_600, 3_600, 60),
            performed,
        };
        let rows = vec![row("BTC", Some(120)), row("ETH", None)];
        let (good, complaints, slots) = hourly().sift_rows(rows);
        assert_eq!((good.len(), complaints.len()), (2, 0));
        assert_eq!(slots, [(ConfigKey("BTC/3600/3600".into()), 120)]);
    }
}
