use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use secrecy::ExposeSecret;
use toml::{Table, Value};

use super::*;
use crate::forecast::Target;

const PHRASE: &str = "disagree jealous glad feel apple flush unfair metal lock craft foil bottom";

struct Project {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("config/networks")).unwrap();
        let variables = vec![("MNEMONIC".to_owned(), PHRASE.to_owned())];
        Self { folder, variables }
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without_wallet(mut self) -> Self {
        self.variables.clear();
        self
    }

    fn load(&self, overrides: &Overrides) -> Result<Settings, ConfigError> {
        let around = Surroundings {
            root: self.folder.path().to_owned(),
            variables: self.variables.clone(),
            ask: None,
        };
        Settings::load_from(overrides, &around)
    }

    fn settings(&self) -> Settings {
        self.load(&Overrides::default()).unwrap()
    }

    fn refused(&self) -> String {
        self.load(&Overrides::default()).unwrap_err().to_string()
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn network(name: &str) -> Overrides {
    Overrides {
        network: Some(name.into()),
        ..Overrides::default()
    }
}

#[test]
fn without_any_file_the_defaults_stand() {
    let settings = Project::new().settings();
    assert_eq!(settings.network_name, "testnet");
    assert_eq!(settings.network.chain_id, "allora-testnet-1");
    assert_eq!(settings.topics, [TopicConfig::default()]);
    assert_eq!(settings.worker.poll_interval, Duration::from_secs(120));
    assert!(settings.artifacts.folder().ends_with("data/artifacts"));
    assert!(settings.notices.is_empty(), "{:?}", settings.notices);
}

#[test]
fn a_history_too_short_to_judge_a_topic_is_told_of() {
    let topic = |horizon: &str| {
        let text = format!(
            "[market]\nhistory = \"365days\"\n\n\
             [[topics]]\nid = 5\nticker = \"ethusd\"\nhorizon = \"{horizon}\"\ntarget = \"price\"\n"
        );
        Project::new()
            .file("config/worker.toml", &text)
            .settings()
            .notices
    };
    let told = topic("40d");
    assert!(
        told[0].contains("topic 5: over 40 days neither"),
        "{told:?}"
    );
    assert!(told[1].contains("market.history = \"396days\""), "{told:?}");
    assert_eq!(topic("7d").len(), 1);
}

#[test]
fn the_shipped_file_holds_every_key_with_its_default() {
    let text = fs::read_to_string(repository().join("config/worker.toml")).unwrap();
    let read: Document = toml::from_str(&text).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", Document::default()));
    // Every key of a section, as its type's refusal lists them, stands in the file.
    let file: Table = toml::from_str(&text).unwrap();
    for (section, keys) in &file {
        let Value::Table(keys) = keys else { continue };
        let asked = layer::nested(&[section, "?"], Value::from(0));
        let refusal = asked.try_into::<Document>().unwrap_err();
        let refusal = refusal.message();
        let known: Vec<_> = refusal.split('`').skip(3).step_by(2).collect();
        assert!(known.len() > 1, "{refusal}");
        for key in known {
            // One that has no default stands there as a comment.
            let commented = text
                .lines()
                .any(|it| it.starts_with(&format!("# {key} = ")));
            let is_there = keys.contains_key(key) || commented;
            assert!(is_there, "{section}.{key} is missing");
        }
    }
    for key in document::KEYS {
        let written = text.lines().any(|line| {
            let line = line.trim_start_matches("# ").trim_matches(['[', ']']);
            line == key || line.starts_with(&format!("{key} = "))
        });
        assert!(written, "{key} is missing");
    }
    let asked = layer::nested(&["?"], Value::from(0));
    let refusal = asked.try_into::<Document>().unwrap_err();
    let refusal = refusal.message();
    assert_eq!(
        refusal.split('`').skip(3).step_by(2).count(),
        document::KEYS.len()
    );
}

#[test]
fn the_shipped_networks_and_competition_load() {
    for name in ["devnet", "localnet", "testnet", "mainnet"] {
        let around = Surroundings {
            root: repository().to_owned(),
            variables: vec![("MNEMONIC".into(), PHRASE.into())],
            ask: None,
        };
        let mut overrides = network(name);
        overrides.config = Some("config/competitions/btc-7day-2025.toml".into());
        let settings = Settings::load_from(&overrides, &around).unwrap();
        assert_eq!(settings.network.chain_id, format!("allora-{name}-1"));
        assert_eq!(settings.network.rpc.is_empty(), name == "devnet");
        let is_public = ["testnet", "mainnet"].contains(&name);
        assert_eq!(settings.network.explorer.is_some(), is_public);
        let period = settings.competition.unwrap();
        assert_eq!((period.end - period.start).whole_hours(), 2_160);
    }
}

#[test]
fn the_stronger_layer_wins() {
    let project = Project::new()
        .file("config/worker.toml", "[worker]\npoll_interval = \"10s\"\nstop_grace = \"1s\"\n[fees]\ngas_limit = 200000")
        .file("mine.toml", "[worker]\npoll_interval = \"20s\"\nauto_register = true\n[fees]\ntier = \"eco\"")
        .file(".env", "ALLORA_WORKER__POLL_INTERVAL=30s\nALLORA_CHAIN__SILENCE=30s\nTIINGO_API_KEY=of-the-file")
        .variable("ALLORA_CHAIN__SILENCE", "40s")
        .variable("TIINGO_API_KEY", "of-the-process");
    let overrides = Overrides {
        config: Some("mine.toml".into()),
        no_register: true,
        no_page: true,
        ..Overrides::default()
    };
    let settings = project.load(&overrides).unwrap();
    assert_eq!(settings.worker.stop_grace.as_secs(), 1);
    assert!(!settings.ops.page);
    assert_eq!(settings.fees.gas_limit, 200_000);
    assert_eq!(settings.fees.tier, crate::chain::FeeTier::Eco);
    assert_eq!(settings.worker.poll_interval.as_secs(), 30);
    assert_eq!(settings.chain.silence.as_secs(), 40);
    assert!(!settings.worker.auto_register);
    let key = settings.tiingo_api_key.unwrap();
    assert_eq!(key.expose_secret(), "of-the-process");
}

#[test]
fn every_wrong_value_is_told_with_its_place() {
    let text = "[worker]\npoll_interval = \"0s\"\n[ops]\nlog_keep = \"1h\"\n\
                [competition]\nstart = \"2025-12-15\"\nend = \"2025-12-15\"\n\
                [[topics]]\nid = 67\nticker = \"BTC/USD\"\nhorizon = \"90m\"\ntarget = \"price\"\n\
                [[topics]]\nid = 67\nticker = \"btcusd\"\nhorizon = \"1h\"\ntarget = \"price\"\n";
    let refused = Project::new()
        .file("config/worker.toml", text)
        .variable("ALLORA_RPC", "ftp://a,http://b,http://b")
        .refused();
    for wanted in [
        "config/worker.toml, line 2: worker.poll_interval",
        "config/worker.toml, line 4: ops.log_keep",
        "config/worker.toml, line 6: competition.start",
        "config/worker.toml, line 10: topics.0.ticker",
        "config/worker.toml, line 11: topics.0.horizon",
        "config/worker.toml, line 14: topics.1.id is 67 for a second time",
        "variable ALLORA_RPC: rpc holds \"ftp://a\"",
        "variable ALLORA_RPC: rpc holds \"http://b\" twice",
    ] {
        assert!(
            refused.contains(wanted),
            "{wanted} is missing in\n{refused}"
        );
    }
}

#[test]
fn an_empty_list_is_refused_where_nothing_is_embedded() {
    let project = Project::new().file(
        "config/networks/mine.toml",
        "chain_id = \"mine-1\"\nrpc = []\nws = []\ngas_price_floor = 1\ndenom = \"uallo\"\n",
    );
    let refused = project.load(&network("mine")).unwrap_err().to_string();
    assert!(
        refused.contains("config/networks/mine.toml, line 2: rpc is empty"),
        "{refused}"
    );
    let devnet = project.load(&network("devnet")).unwrap();
    assert!(devnet.network.rpc.is_empty() && devnet.network.ws.is_empty());
}

#[test]
fn an_explorer_is_reached_over_https_or_on_this_machine() {
    let explored = |address: &str| {
        let text = format!(
            "chain_id = \"mine-1\"\nrpc = [\"http://a\"]\nws = [\"ws://a\"]\n\
             gas_price_floor = 1\ndenom = \"uallo\"\nexplorer = \"{address}\"\n"
        );
        let project = Project::new().file("config/networks/mine.toml", &text);
        project.load(&network("mine"))
    };
    for right in [
        "https://explorer.example/tx/{hash}",
        "http://127.0.0.1:9000/{hash}",
        "http://[::1]/?tx={hash}",
        "http://localhost/{hash}",
    ] {
        let explorer = explored(right).unwrap().network.explorer;
        assert_eq!(explorer.as_deref(), Some(right));
    }
    for wrong in [
        "",
        "https://explorer.example/tx/",
        "https://explorer.example/{hash}/{hash}",
        "http://explorer.example/{hash}",
        "javascript:alert({hash})",
        "explorer.example/{hash}",
    ] {
        let refused = explored(wrong).unwrap_err().to_string();
        let place = "config/networks/mine.toml, line 6: explorer is";
        assert!(refused.contains(place), "{wrong}: {refused}");
        assert!(refused.contains("write https://HOST"), "{refused}");
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let project = Project::new();
    let overrides = Overrides {
        config: Some("nowhere.toml".into()),
        ..Overrides::default()
    };
    let refused = project.load(&overrides).unwrap_err().to_string();
    assert!(refused.contains("nowhere.toml can't be read"), "{refused}");
    let overrides = Overrides {
        prices: Some("nowhere.csv".into()),
        ..Overrides::default()
    };
    let refused = project.load(&overrides).unwrap_err().to_string();
    assert!(
        refused.starts_with("--prices: there is no file"),
        "{refused}"
    );
    for name in ["nonet", "../testnet", ""] {
        let refused = project.load(&network(name)).unwrap_err().to_string();
        assert!(
            refused.contains("known are devnet, localnet, mainnet, testnet"),
            "{refused}"
        );
    }
}

#[test]
fn a_given_endpoint_replaces_the_network_s() {
    let overrides = Overrides {
        rpc: vec!["https://node.example:443/".into()],
        chain_id: Some("other-1".into()),
        ..Overrides::default()
    };
    let settings = Project::new().load(&overrides).unwrap();
    assert_eq!(settings.network.rpc, ["https://node.example:443/"]);
    assert_eq!(settings.network.ws, ["wss://node.example:443/websocket"]);
    assert_eq!(settings.network.chain_id, "other-1");
    assert_eq!(settings.notices.len(), 1);
}

#[test]
fn a_topic_asked_for_is_picked_or_made_from_the_default() {
    let entry = "[[topics]]\nid = 5\nticker = \"ethusd\"\nhorizon = \"1h\"\ntarget = \"price\"\n";
    let project = Project::new().file("config/worker.toml", entry);
    let overrides = |topics: &[u64]| Overrides {
        topics: topics.to_vec(),
        ..Overrides::default()
    };
    let settings = project.load(&overrides(&[5, 69])).unwrap();
    assert_eq!(settings.topics[0].target, Target::Price);
    assert_eq!(settings.topics[1].id, TopicId(69));
    assert_eq!(settings.topics[1].ticker, "btcusd");
    assert!(
        settings.notices[0].contains("topic 69"),
        "{:?}",
        settings.notices
    );
    let refused = project.load(&overrides(&[5, 5])).unwrap_err().to_string();
    assert!(refused.starts_with("--topic: topic 5"), "{refused}");
}

#[test]
fn a_wallet_is_needed_only_where_it_is_asked_for() {
    let project = Project::new().without_wallet();
    let settings = project.load(&network("testnet")).unwrap();
    let refused = settings.wallet().unwrap_err().to_string();
    assert!(
        refused.contains("MNEMONIC") && refused.contains("--network devnet"),
        "{refused}"
    );
    let devnet = project.load(&network("devnet")).unwrap();
    assert!(devnet.wallet().is_ok());
    assert_eq!(devnet.secrets().len(), 1);
}

#[test]
fn a_published_mnemonic_is_refused_on_public_networks() {
    let vector = format!("{}about", "abandon ".repeat(11));
    let project = Project::new()
        .without_wallet()
        .variable("MNEMONIC", &vector);
    for name in ["testnet", "mainnet"] {
        let refused = project.load(&network(name)).unwrap_err().to_string();
        assert!(
            refused.contains("a mnemonic of repeated words") && !refused.contains("abandon"),
            "{refused}"
        );
    }
    for name in ["devnet", "localnet"] {
        assert!(project.load(&network(name)).is_ok());
    }
}

#[test]
fn a_file_of_secrets_that_others_can_read_is_refused_unless_no_secret_is_used() {
    let project = Project::new().without_wallet();
    let path = project.folder.path().join(".env");
    fs::write(&path, format!("MNEMONIC=\"{PHRASE}\"\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = project.refused();
    assert!(
        refused.contains("mode 640") && refused.contains("chmod 600"),
        "{refused}"
    );
    let around = Surroundings {
        root: project.folder.path().to_owned(),
        variables: Vec::new(),
        ask: None,
    };
    let overrides = Overrides::default();
    assert!(Predicting::load_from(&overrides, &around).is_err());
    assert!(Offline::load_from(&overrides, &around).is_ok());
    assert!(Sources::read(&overrides, &around).is_ok());
}

#[test]
fn credentials_are_read_and_one_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let credential = |name: &str, text: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    credential("mnemonic", &format!("{PHRASE}\n"), 0o440);
    credential("tiingo_api_key", "0123456789abcdef\n", 0o400);
    credential("database_url", "postgres://me:secret@db/p", 0o400);
    credential("forecaster_token_67", "a-token", 0o400);
    credential("of_another_program", "", 0o444);
    let project = Project::new()
        .without_wallet()
        .variable("CREDENTIALS_DIRECTORY", &folder.path().to_string_lossy())
        .file(
            "config/worker.toml",
            "[[topics]]\nid = 67\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\n\
             forecaster = { http = \"http://127.0.0.1:9/\" }",
        );
    let settings = project.settings();
    assert_eq!(settings.wallet().unwrap().secret().expose_secret(), PHRASE);
    assert_eq!(settings.secrets().len(), 4);
    credential("mnemonic", PHRASE, 0o444);
    let refused = project.refused();
    assert!(refused.contains("/mnemonic: it holds secrets"), "{refused}");
}

#[test]
fn real_coins_are_paid_when_that_was_said() {
    let project = Project::new();
    let mut overrides = network("mainnet");
    let refused = project.load(&overrides).unwrap().consent().unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("allora-mainnet-1") && refused.contains("--real-coins"),
        "{refused}"
    );
    overrides.real_coins = true;
    assert!(project.load(&overrides).unwrap().consent().is_ok());
    assert!(project.load(&network("testnet")).unwrap().consent().is_ok());
    // By its id as well: a network of one's own may have any name.
    let mut own = network("testnet");
    own.chain_id = Some("allora-mainnet-1".into());
    assert!(project.load(&own).unwrap().consent().is_err());
}

#[test]
fn no_secret_shows_in_debug_output() {
    let project = Project::new().variable("TIINGO_API_KEY", "0123456789abcdef");
    let shown = format!("{:?}", project.settings());
    assert!(!shown.contains("disagree") && !shown.contains("0123456789abcdef"));
}

#[test]
fn the_example_of_env_can_be_copied_as_it_is() {
    let example = fs::read_to_string(repository().join(".env.example")).unwrap();
    let project = Project::new().without_wallet().file(".env", &example);
    assert!(project.settings().wallet.is_none());
}

#[test]
fn a_topic_has_one_source_and_an_asset_that_is_there() {
    let refused = |lines: &str| {
        let topic =
            "[[topics]]\nid = 5\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\n";
        let topic = if lines.contains("ticker") {
            &topic.replace("ticker = \"btcusd\"\n", "")
        } else {
            topic
        };
        Project::new()
            .file("config/worker.toml", &format!("{topic}{lines}\n"))
            .refused()
    };
    for (lines, expected) in [
        (
            "source = \"blend\"\nforecaster = { http = \"http://127.0.0.1:9/{topic}\" }",
            "is \"blend\" beside a forecaster",
        ),
        ("network = { asset = \"BTC\" }", "no network is heard"),
        (
            "ticker = \"dogeusd\"\nsource = \"models\"",
            "no asset of predict.assets has the ticker \"dogeusd\"",
        ),
    ] {
        let told = refused(lines);
        assert!(told.contains(expected), "{told}");
    }
}
