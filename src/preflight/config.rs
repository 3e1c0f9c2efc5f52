//! The configuration, the wallet and the files with secrets, as they were read.

use time::OffsetDateTime;

use super::{Area, Check, words};
use crate::{
    config::{ConfigError, Part, Settings, Surveyed},
    worker::{Period, Phase},
};

/// What was read, without a wallet's secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wallet<'a> {
    /// Its address, when its secret can be read.
    pub(super) address: Option<&'a str>,
    /// Words of a mnemonic; none of a private key.
    pub(super) words: Option<usize>,
}

pub(super) fn judge(
    surveyed: &Surveyed,
    wallet: Wallet<'_>,
    dry_run: bool,
    now: OffsetDateTime,
) -> Vec<Check> {
    let mut all: Vec<Check> = surveyed
        .refused
        .iter()
        .flat_map(|(part, error)| refused(*part, error))
        .collect();
    let Some(settings) = &surveyed.settings else {
        return all;
    };
    all.push(shown(settings));
    if !dry_run && let Err(error) = settings.consent() {
        let (what, remedy) = sides(&error.to_string());
        all.push(Check::error(Area::Configuration, "real coins", what, remedy).ends_a_start());
    }
    all.extend(period(settings, now));
    let notes = settings.notices.iter();
    all.extend(notes.map(|it| Check::ok(Area::Configuration, "note", it)));
    let is_refused = surveyed.refused.iter().any(|it| it.0 == Part::Wallet);
    if !is_refused {
        all.push(key(settings, wallet, surveyed.is_locked));
    }
    let is_open = surveyed.refused.iter().any(|it| it.0 == Part::Permissions);
    if !is_open && surveyed.cautions.is_empty() {
        let what = "nobody else has access to the files with secrets";
        all.push(Check::ok(Area::Wallet, "permissions", what));
    }
    let cautions = surveyed.cautions.iter().map(|it| {
        let (what, remedy) = it
            .rsplit_once(": ")
            .unwrap_or((it, "change that if it is not meant"));
        Check::warning(Area::Wallet, "permissions", what, remedy)
    });
    all.extend(cautions);
    all
}

fn shown(settings: &Settings) -> Check {
    let topics: Vec<_> = settings.topics.iter().map(|it| it.id.to_string()).collect();
    let topics = topics.join(", ");
    let what = format!(
        "network {}, chain {}, topics {topics}",
        settings.network_name, settings.network.chain_id
    );
    Check::ok(Area::Configuration, "settings", what)
}

/// Each thing that is wrong, with the place where it stands.
fn refused(part: Part, error: &ConfigError) -> Vec<Check> {
    let (area, name) = match part {
        Part::Configuration => (Area::Configuration, "settings"),
        Part::Permissions => (Area::Wallet, "permissions"),
        Part::Wallet => (Area::Wallet, "key"),
    };
    let line = |what: String, remedy: String| Check::error(area, name, what, remedy).ends_a_start();
    let ConfigError::Refused(findings) = error else {
        let (what, remedy) = halves(&error.to_string());
        return vec![line(what, remedy)];
    };
    let lines = findings.iter().map(|it| {
        let remedy = match it.right.as_str() {
            "" => format!("correct it in {}", it.place),
            right => right.to_owned(),
        };
        line(format!("{}: {}", it.place, it.wrong), remedy)
    });
    lines.collect()
}

/// A message's cause and its remedy, which stand before and after its first semicolon.
pub(super) fn halves(message: &str) -> (String, String) {
    let parts = message
        .split_once("; ")
        .or_else(|| message.split_once(": "));
    let (what, remedy) = parts.unwrap_or((message, "correct it and check again"));
    (what.to_owned(), remedy.to_owned())
}

/// The same of one whose remedy follows a colon.
fn sides(message: &str) -> (String, String) {
    let (what, remedy) = message.split_once(": ").unwrap_or((message, "set it"));
    (what.to_owned(), remedy.to_owned())
}

fn key(settings: &Settings, wallet: Wallet<'_>, is_locked: bool) -> Check {
    if is_locked {
        return Check::error(
            Area::Wallet,
            "key",
            "it is locked, and its passphrase is not at hand",
            "name a file with it as WALLET_PASSPHRASE_FILE, hand it over as systemd's credential \
             wallet_passphrase, or check in a terminal, where it is asked for",
        )
        .ends_a_start();
    }
    let Some(address) = wallet.address else {
        let missing = settings.wallet().err().map(|it| it.to_string());
        let (what, remedy) = sides(&missing.unwrap_or_default());
        let remedy = format!("{remedy}; `wallet new` makes one");
        return Check::error(Area::Wallet, "key", what, remedy).ends_a_start();
    };
    let form = match wallet.words {
        Some(words) => format!("a mnemonic of {words} words"),
        None => "a private key".into(),
    };
    Check::ok(Area::Wallet, "key", format!("{form}: {address}"))
}

fn period(settings: &Settings, now: OffsetDateTime) -> Option<Check> {
    let competition = settings.competition.as_ref()?;
    let period = Period {
        start: competition.start,
        end: competition.end,
    };
    let name = competition.name.as_deref().unwrap_or("the competition");
    let days = format!("{} to {}", period.start.date(), period.end.date());
    let span = |it: time::Duration| words::span(words::signed(it));
    Some(match period.phase(now) {
        Phase::Before(wait) => Check::ok(
            Area::Configuration,
            "competition",
            format!("{name}, {days}: begins in {}", span(wait)),
        ),
        Phase::Running(left) => Check::ok(
            Area::Configuration,
            "competition",
            format!("{name}, {days}: {} are left", span(left)),
        ),
        Phase::Over => Check::warning(
            Area::Configuration,
            "competition",
            format!("{name}, {days}, is over: a worker ends at once"),
            "leave its file out of --config (ALLORA_CONFIG), or correct [competition]",
        ),
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
