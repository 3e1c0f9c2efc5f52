use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn process(all: &[(&str, &str)]) -> Environment {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Environment::new("", all.iter().map(own))
}

fn refused(all: &[(&str, &str)]) -> String {
    process(all).layer(&Table::new()).unwrap_err().to_string()
}

#[test]
fn a_variable_is_read_as_what_its_key_takes() {
    let read = process(&[
        ("ALLORA_WORKER__POLL_INTERVAL", "30s"),
        ("ALLORA_WORKER__AUTO_REGISTER", "false"),
        ("ALLORA_FEES__GAS_LIMIT", "300000"),
        ("ALLORA_RPC", "http://a:1, http://b:2"),
        ("ALLORA_WS", "[\"ws://a:1\"]"),
        ("ALLORA_DATA_DIR", "5"),
        ("ALLORA_NETWORK", ""),
        ("ALLORA_API_KEY_OF_ANOTHER_PROGRAM", "x"),
    ]);
    let layer = read.layer(&Table::new()).unwrap();
    let document: Document = layer.table.clone().try_into().unwrap();
    assert_eq!(document.worker.poll_interval.as_secs(), 30);
    assert!(!document.worker.auto_register);
    assert_eq!(document.fees.gas_limit, 300_000);
    assert_eq!(document.rpc.unwrap(), ["http://a:1", "http://b:2"]);
    assert_eq!(document.ws.unwrap(), ["ws://a:1"]);
    assert_eq!(document.data_dir, Path::new("5"));
    assert_eq!(document.network, "testnet");
    let place = layer.place(&["worker", "poll_interval"]).unwrap();
    assert_eq!(place, "variable ALLORA_WORKER__POLL_INTERVAL");
}

#[test]
fn a_wrong_name_or_value_is_refused_with_what_would_be_right() {
    let section = refused(&[("ALLORA_WROKER__POLL_INTERVAL", "5s")]);
    assert!(
        section.contains("did you mean ALLORA_WORKER__POLL_INTERVAL?"),
        "{section}"
    );
    let key = refused(&[("ALLORA_WORKER__POL_INTERVAL", "5s")]);
    assert!(key.contains("did you mean `poll_interval`?"), "{key}");
    let top = refused(&[("ALLORA_NETWROK", "devnet")]);
    assert!(top.contains("did you mean ALLORA_NETWORK?"), "{top}");
    let value = refused(&[("ALLORA_WORKER__POLL_INTERVAL", "120")]);
    assert!(
        value.starts_with("variable ALLORA_WORKER__POLL_INTERVAL"),
        "{value}"
    );
    let value = refused(&[("ALLORA_FEES__TIER", "cheap")]);
    assert!(value.contains("`eco`, `standard`, `priority`"), "{value}");
}

#[test]
fn a_period_may_come_from_two_variables() {
    let read = process(&[
        ("ALLORA_COMPETITION__START", "2025-09-16"),
        ("ALLORA_COMPETITION__END", "2025-12-15"),
    ]);
    let layer = read.layer(&Table::new()).unwrap();
    let document: Document = layer.table.try_into().unwrap();
    let period = document.competition.unwrap();
    assert_eq!((period.end - period.start).whole_days(), 90);
}

#[test]
fn a_line_that_cannot_be_read_is_named_by_its_number_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(
        &path,
        "# mine\nTIINGO_API_KEY=abc\nMNEMONIC=legal winner thank year\n",
    )
    .unwrap();
    let Err(refused) = Environment::from_file(&path, &mut Vec::new(), &mut Vec::new()) else {
        panic!("read a phrase without quotes");
    };
    let text = format!("{refused} {refused:?}");
    assert!(
        text.contains(".env, line 3") && text.contains("quotes"),
        "{text}"
    );
    assert!(!text.contains("winner"), "{text}");
}

#[test]
fn a_file_leaves_the_process_s_environment_alone_and_is_refused_when_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let read = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let mut found = Vec::new();
        let read = Environment::from_file(&path, &mut found, &mut Vec::new()).unwrap();
        (read, found)
    };
    let secret = "TIINGO_API_KEY=0123456789\nALLORA_NETWORK='devnet'\n";
    let (all, found) = read(secret, 0o644);
    assert_eq!(all.get("ALLORA_NETWORK"), Some("devnet"));
    assert!(all.secret("TIINGO_API_KEY").is_some());
    assert!(std::env::var_os("ALLORA_NETWORK").is_none());
    assert!(found[0].right.starts_with("chmod 600 /"), "{found:?}");
    assert!(read(secret, 0o600).1.is_empty());
    // Without a secret there is nothing to guard.
    let (_, found) = read("TIINGO_API_KEY=\nALLORA_NETWORK='devnet'\n", 0o644);
    assert!(found.is_empty());
}

#[test]
fn a_name_of_a_thousand_sections_is_no_key() {
    let name = format!("ALLORA_WORKER{}", "__A".repeat(30_000));
    let read = Environment::new("", [(name, "1".to_owned())]).layer(&Table::new());
    assert!(read.unwrap_err().to_string().contains("no such key"));
}
