//! Flags of `score`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::config::Overrides;

/// Flags of `score`. They win over all files and variables.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ScoreArgs {
    /// Score what can be scored now, and leave
    #[arg(long)]
    pub(super) once: bool,
    /// Print the newest leaderboard; without --once nothing is scored
    #[arg(long)]
    pub(super) leaderboard: bool,
    /// Print the leaderboard as JSON, and nothing else
    #[arg(long)]
    pub(super) json: bool,
    /// Which crunch's models are scored [default: condorgame]
    #[arg(long, value_name = "ID")]
    pub(super) crunch_id: Option<String>,
    /// The Predict worker's database: postgres://… or a file [default: `DATABASE_URL`, else
    /// data/artifacts/predict.db].
    /// Others on this machine can read a process's flags: a password belongs into `DATABASE_URL`
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Where everything is written, in its subfolder artifacts [default: data]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Leave after this time: 90s, 2h, 30days
    #[arg(long, value_name = "TIME", value_parser = humantime_serde::re::humantime::parse_duration)]
    pub(super) duration: Option<Duration>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl ScoreArgs {
    /// Whether a leaderboard is printed.
    pub(super) const fn shows(&self) -> bool {
        self.leaderboard || self.json
    }

    /// What they override in the configuration.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            crunch_id: self.crunch_id.clone(),
            ..Overrides::default()
        }
    }
}
