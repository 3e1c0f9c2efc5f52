use std::{collections::BTreeMap, path::Path};

use tokio::net::TcpListener;

use super::*;
use crate::config::{Overrides, Surroundings};

const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";

fn plan(folder: &Path, overrides: &Overrides, effort: Effort) -> Plan {
    let around = Surroundings {
        root: folder.to_owned(),
        variables: vec![("PRIVATE_KEY".into(), KEY.into())],
        ask: None,
    };
    Plan {
        surveyed: Settings::survey(overrides, &around),
        address: Some("allo1x".into()),
        words: None,
        prices: Some(PricesFrom::Stored),
        tickers: vec!["btcusd".into()],
        heard: Vec::new(),
        forecasters: None,
        dry_run: false,
        effort,
    }
}

fn by_area(report: &Report) -> BTreeMap<Area, Vec<&Check>> {
    let mut all: BTreeMap<Area, Vec<&Check>> = BTreeMap::new();
    for check in &report.checks {
        all.entry(check.area).or_default().push(check);
        let is_well = check.level == Level::Ok;
        assert_eq!(check.remedy.is_empty(), is_well, "{check:?}");
    }
    all
}

/// Takes connections and never answers.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn what_takes_too_long_is_left_and_hides_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, url) = silent().await;
    let overrides = Overrides {
        network: Some("devnet".into()),
        rpc: vec![url],
        ..Overrides::default()
    };
    let endless = Effort {
        answer: Duration::from_secs(3_600),
        whole: Duration::from_millis(300),
        ..Effort::FULL
    };
    let mut plan = plan(folder.path(), &overrides, endless);
    if let Some(settings) = &mut plan.surveyed.settings {
        settings.chain.request_timeout = Duration::from_secs(3_600);
    }
    let report = examine(plan).await;
    let all = by_area(&report);
    let nodes = &all[&Area::Nodes];
    assert_eq!((nodes.len(), nodes[0].name.as_str()), (1, "not finished"));
    for area in [Area::Host, Area::Wallet, Area::Databases, Area::Prices] {
        assert!(all.contains_key(&area), "{area:?} is hidden: {report:#?}");
    }
    assert!(report.checks.is_sorted_by_key(|it| it.area));
}

#[tokio::test]
async fn endpoints_that_never_answer_end_no_start_and_leave_the_rest_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, url) = silent().await;
    let overrides = Overrides {
        network: Some("devnet".into()),
        rpc: vec![url],
        ..Overrides::default()
    };
    let short = Effort {
        answer: Duration::from_millis(200),
        setup: Duration::from_millis(200),
        ..Effort::START
    };
    let report = examine(plan(folder.path(), &overrides, short)).await;
    let all = by_area(&report);
    let names: Vec<_> = all[&Area::Nodes]
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["RPC 1", "WebSocket 1"], "{report:#?}");
    assert_eq!(all[&Area::Topics][0].level, Level::Warning);
    assert_eq!(report.level(), Level::Error);
    assert!(!report.checks.iter().any(Check::stops), "{report:#?}");
}

#[tokio::test]
async fn the_embedded_chain_has_nothing_to_reach_and_looking_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides {
        network: Some("devnet".into()),
        ..Overrides::default()
    };
    let report = examine(plan(folder.path(), &overrides, Effort::START)).await;
    let all = by_area(&report);
    assert!(
        all[&Area::Nodes][0].what.contains("embedded"),
        "{report:#?}"
    );
    assert!(!all.contains_key(&Area::Funds));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "it left something in the folder");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_beside_what_can_be_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides {
        network: Some("nowhere".into()),
        ..Overrides::default()
    };
    let mut plan = plan(folder.path(), &overrides, Effort::FULL);
    plan.prices = None;
    let report = examine(plan).await;
    let all = by_area(&report);
    assert!(all[&Area::Configuration].iter().any(|it| it.stops()));
    assert!(all.contains_key(&Area::Host) && all.contains_key(&Area::Databases));
    assert_eq!(report.network, None);
}
