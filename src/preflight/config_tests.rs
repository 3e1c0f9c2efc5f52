use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::{
    config::{Overrides, Surroundings},
    preflight::Level,
};

const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";
const NOW: OffsetDateTime = datetime!(2025-10-01 12:00 UTC);

fn survey(folder: &Path, variables: &[(&str, &str)]) -> Surveyed {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let around = Surroundings {
        root: folder.to_owned(),
        variables: variables.iter().map(pair).collect(),
        ask: None,
    };
    Settings::survey(&Overrides::default(), &around)
}

fn judged(surveyed: &Surveyed, address: Option<&str>) -> Vec<Check> {
    let words = None;
    judge(surveyed, Wallet { address, words }, false, NOW)
}

fn find<'a>(all: &'a [Check], name: &str) -> &'a Check {
    let found = all.iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}

#[test]
fn what_is_well_has_no_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let surveyed = survey(folder.path(), &[("PRIVATE_KEY", KEY)]);
    let all = judged(&surveyed, Some("allo1x"));
    assert!(all.iter().all(|it| it.level == Level::Ok), "{all:#?}");
    assert!(
        find(&all, "settings")
            .what
            .contains("allora-testnet-1, topics 67")
    );
    assert!(find(&all, "key").what.ends_with("a private key: allo1x"));
}

#[rstest]
#[case("MNEMONIC", "abandon about", "key", "2 words")]
#[case("PRIVATE_KEY", "12", "key", "64 hexadecimal digits")]
#[case("ALLORA_NETWORK", "nowhere", "settings", "nowhere")]
#[case("ALLORA_FEES__TIRE", "eco", "settings", "tire")]
fn what_is_wrong_ends_a_start_and_says_what_would_be_right(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] name: &str,
    #[case] part: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let all = judged(&survey(folder.path(), &[(variable, value)]), None);
    let found = all.iter().find(|it| it.name == name && it.stops());
    let found = found.unwrap_or_else(|| panic!("{all:#?}"));
    let said = format!("{} {}", found.what, found.remedy).to_lowercase();
    assert!(said.contains(part), "{said}");
    assert!(!found.remedy.is_empty());
    assert!(!said.contains("abandon"), "{said}");
}

#[test]
fn a_file_that_others_can_read_ends_a_start_with_the_command_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join(".env");
    fs::write(&env, format!("PRIVATE_KEY={KEY}\n")).unwrap();
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
    let all = judged(&survey(folder.path(), &[]), Some("allo1x"));
    let found = find(&all, "permissions");
    assert!(
        found.stops() && found.remedy.starts_with("chmod 600 "),
        "{found:?}"
    );
    fs::set_permissions(&env, fs::Permissions::from_mode(0o600)).unwrap();
    let all = judged(&survey(folder.path(), &[]), Some("allo1x"));
    assert_eq!(find(&all, "permissions").level, Level::Ok);
}

#[test]
fn a_wallet_that_is_missing_or_locked_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let none = judged(&survey(folder.path(), &[]), None);
    let key = find(&none, "key");
    assert!(
        key.stops() && key.remedy.contains("`wallet new`"),
        "{key:?}"
    );
    let mut surveyed = survey(folder.path(), &[("PRIVATE_KEY", KEY)]);
    surveyed.is_locked = true;
    let locked = judged(&surveyed, None);
    let key = find(&locked, "key");
    assert!(
        key.stops() && key.remedy.contains("WALLET_PASSPHRASE_FILE"),
        "{key:?}"
    );
}

#[test]
fn real_coins_have_to_be_meant_unless_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("PRIVATE_KEY", KEY), ("ALLORA_NETWORK", "mainnet")];
    let surveyed = survey(folder.path(), &variables);
    let found = judged(&surveyed, Some("allo1x"));
    let consent = find(&found, "real coins");
    assert!(
        consent.stops() && consent.remedy.contains("--real-coins"),
        "{consent:?}"
    );
    let wallet = Wallet {
        address: Some("allo1x"),
        words: None,
    };
    let dry = judge(&surveyed, wallet, true, NOW);
    assert!(dry.iter().all(|it| it.name != "real coins"), "{dry:#?}");
}

#[rstest]
#[case(datetime!(2025-09-01 0:00 UTC), Level::Ok, "begins in 15 days")]
#[case(datetime!(2025-10-01 0:00 UTC), Level::Ok, "75 days are left")]
#[case(datetime!(2026-01-01 0:00 UTC), Level::Warning, "is over")]
fn the_period_is_told(#[case] now: OffsetDateTime, #[case] level: Level, #[case] part: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    let text = "[competition]\nname = \"BTC\"\nstart = \"2025-09-16\"\nend = \"2025-12-15\"\n";
    fs::write(folder.path().join("config/worker.toml"), text).unwrap();
    let surveyed = survey(folder.path(), &[("PRIVATE_KEY", KEY)]);
    let wallet = Wallet {
        address: Some("allo1x"),
        words: None,
    };
    let all = judge(&surveyed, wallet, false, now);
    let found = find(&all, "competition");
    assert_eq!(found.level, level);
    assert!(found.what.contains(part), "{found:?}");
    assert!(!found.stops());
}
