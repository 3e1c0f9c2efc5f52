//! What is known of the process, its period and those of its wallet.

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::ops::{Need, Phase};

/// The process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// The network's name.
    pub network: String,
    /// The chain's id.
    pub chain_id: String,
    /// The wallet's address.
    pub address: String,
    /// When it began.
    pub started: Moment,
    /// What it does.
    pub phase: Option<Phase>,
    /// Since when.
    pub since: Moment,
    /// Why, in words.
    pub message: String,
    /// What to do, when it could not go on.
    pub remedy: String,
    /// From the start until it could answer, in milliseconds.
    pub start_ms: Option<u64>,
    /// How often in a row it has begun anew by itself.
    pub begun_anew: u32,
    /// The host's clock ahead of the chain's, in seconds, when that was far; below zero for behind.
    pub clock_lead: Option<f64>,
}

/// What a start waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// What for.
    pub need: Need,
    /// Why.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Since when.
    pub since: Moment,
}

/// The period in which windows are answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Competition {
    /// When it begins, while it has not.
    pub start: Moment,
    /// When it ends.
    pub end: Moment,
}

/// Who this worker is among those of its wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It follows, and takes over when the leader fails.
    #[default]
    Waits,
    /// It leads and answers.
    Leads,
    /// It sends nothing: its lease is past its end.
    Silent,
    /// It goes on while the database of all is down.
    Alone,
}

/// What several workers of the wallet do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standby {
    /// What this one calls itself.
    pub name: String,
    /// Who it is.
    pub role: Role,
    /// Who leads, as far as another does.
    pub leader: Option<String>,
    /// Since when it is so.
    pub since: Moment,
    /// Why, when something is wrong.
    pub cause: Option<String>,
}
