//! Each change that an orchestrator announces, and what is done about it.

use super::*;

fn item(model: &str, deployment: &str, state: State, port: u16) -> Item {
    Item {
        info: ModelInfo {
            model_id: model.into(),
            deployment_id: deployment.into(),
            model_name: Some(format!("model {model}")),
            cruncher_id: None,
            cruncher_name: None,
            wallet_pubkey: None,
            hotkey: None,
        },
        state,
        address: (port != 0).then(|| Address {
            host: "127.0.0.1".into(),
            port,
        }),
    }
}

fn running(model: &str, deployment: &str, port: u16) -> Item {
    item(model, deployment, State::Running, port)
}

/// The steps in short: `+1 a:50` starts run 1 of deployment a at port 50.
fn short(steps: &[Step]) -> Vec<String> {
    let short = |step: &Step| match step {
        Step::Start { run, info, address } => {
            format!("+{} {}:{}", run.0, info.deployment_id, address.port)
        }
        Step::Stop { run, why, .. } => format!("-{} {why:?}", run.0),
        Step::Inform { run, info } => {
            format!("~{} {}", run.0, info.model_name.as_deref().unwrap_or("?"))
        }
    };
    steps.iter().map(short).collect()
}

fn serving(roster: &Roster) -> Vec<u64> {
    roster.serving().map(|run| run.0).collect()
}

/// A roster with the model m, deployment a, ready as run 1.
fn with_one() -> Roster {
    let mut roster = Roster::default();
    assert_eq!(
        short(&roster.list(vec![running("m", "a", 50)])),
        ["+1 a:50"]
    );
    assert!(serving(&roster).is_empty());
    assert!(roster.ready("m", RunId(1)).is_empty());
    roster
}

#[test]
fn a_listed_model_joins_once() {
    let mut roster = with_one();
    assert!(roster.list(vec![running("m", "a", 50)]).is_empty());
    assert!(roster.update(&[running("m", "a", 50)]).is_empty());
    assert_eq!((serving(&roster), roster.models()), (vec![1], 1));
}

#[test]
fn a_new_deployment_is_ready_before_the_old_one_is_let_go() {
    let mut roster = with_one();
    assert_eq!(short(&roster.update(&[running("m", "b", 51)])), ["+2 b:51"]);
    assert_eq!(serving(&roster), [1], "the old one serves");
    assert_eq!(short(&roster.ready("m", RunId(2))), ["-1 Replaced"]);
    assert_eq!(serving(&roster), [2]);
    for _ in 0..2 {
        let stopped = item("m", "a", State::Stopped, 50);
        assert!(
            roster.update(&[stopped]).is_empty(),
            "the stop of one not held"
        );
    }
    assert_eq!(serving(&roster), [2]);
}

#[test]
fn an_old_deployment_that_stops_early_leaves_the_new_one_joining() {
    let mut roster = with_one();
    roster.update(&[running("m", "b", 51)]);
    assert_eq!(
        short(&roster.update(&[item("m", "a", State::Stopped, 50)])),
        ["-1 Stopped"]
    );
    assert!(serving(&roster).is_empty());
    roster.ready("m", RunId(2));
    assert_eq!(serving(&roster), [2]);
}

#[test]
fn a_new_deployment_that_fails_leaves_the_old_one() {
    let mut roster = with_one();
    roster.update(&[running("m", "b", 51)]);
    roster.give_up("m", RunId(2));
    assert_eq!(serving(&roster), [1]);
    assert!(
        roster.update(&[running("m", "b", 51)]).is_empty(),
        "it is not tried again"
    );
    assert_eq!(short(&roster.update(&[running("m", "c", 52)])), ["+3 c:52"]);
    assert_eq!(
        short(&roster.ready("m", RunId(3))),
        ["-1 Replaced"],
        "what failed was let go before"
    );
}

#[test]
fn a_recovering_model_comes_back_under_its_deployment_at_another_address() {
    let mut roster = with_one();
    assert_eq!(
        short(&roster.update(&[item("m", "a", State::Recovering, 50)])),
        ["-1 Recovering"]
    );
    assert_eq!(roster.models(), 0);
    assert_eq!(short(&roster.update(&[running("m", "a", 60)])), ["+2 a:60"]);
}

#[test]
fn a_stop_without_an_address_stops_the_deployment() {
    let mut roster = with_one();
    assert_eq!(
        short(&roster.update(&[item("m", "a", State::Stopped, 0)])),
        ["-1 Stopped"]
    );
    assert!(
        roster
            .update(&[item("m", "a", State::Stopped, 0)])
            .is_empty()
    );
}

#[test]
fn a_new_address_is_joined_before_the_old_one_is_left() {
    let mut roster = with_one();
    assert_eq!(short(&roster.update(&[running("m", "a", 60)])), ["+2 a:60"]);
    assert_eq!(serving(&roster), [1]);
    assert_eq!(short(&roster.ready("m", RunId(2))), ["-1 Replaced"]);
}

#[test]
fn a_new_name_is_told_and_nothing_else() {
    let mut roster = with_one();
    let mut renamed = running("m", "a", 50);
    renamed.info.model_name = Some("x".into());
    assert_eq!(short(&roster.update(&[renamed.clone()])), ["~1 x"]);
    assert!(roster.update(&[renamed.clone()]).is_empty());
    renamed.address = None;
    renamed.info.model_name = None;
    assert_eq!(
        short(&roster.update(&[renamed])),
        ["~1 ?"],
        "no address is no other address"
    );
}

#[test]
fn what_is_not_listed_any_more_is_let_go() {
    let mut roster = with_one();
    assert_eq!(
        short(&roster.list(vec![running("n", "c", 70)])),
        ["-1 Unlisted", "+2 c:70"]
    );
    assert_eq!(short(&roster.list(vec![])), ["-2 Unlisted"]);
}

#[test]
fn in_a_list_with_two_deployments_the_later_one_is_the_newer() {
    let mut roster = Roster::default();
    let both = || vec![running("m", "a", 50), running("m", "b", 51)];
    assert_eq!(short(&roster.list(both())), ["+1 a:50", "+2 b:51"]);
    roster.ready("m", RunId(1));
    assert_eq!(serving(&roster), [1], "better the old one than none");
    assert_eq!(short(&roster.ready("m", RunId(2))), ["-1 Replaced"]);
    assert!(
        roster.list(both()).is_empty(),
        "the old one is not taken up again"
    );
    assert_eq!(serving(&roster), [2]);
}

#[test]
fn a_list_with_the_older_deployment_unknown_keeps_the_order() {
    let mut roster = Roster::default();
    roster.list(vec![running("m", "b", 51)]);
    // Run 1 still joins when the older deployment is heard of.
    assert_eq!(
        short(&roster.list(vec![running("m", "a", 50), running("m", "b", 51)])),
        ["+2 a:50"]
    );
    roster.ready("m", RunId(2));
    assert_eq!(serving(&roster), [2]);
    assert_eq!(short(&roster.ready("m", RunId(1))), ["-2 Replaced"]);
}

#[test]
fn news_of_an_older_deployment_does_not_bring_it_back() {
    let mut roster = Roster::default();
    roster.list(vec![running("1", "1_20261121_210031_000", 51)]);
    roster.ready("1", RunId(1));
    let mut late = running("1", "1_20261121_210030_061", 50);
    late.info.cruncher_name = Some("renamed".into());
    assert!(roster.update(&[late]).is_empty());
}

#[test]
fn a_model_without_an_address_waits_for_one() {
    let mut roster = Roster::default();
    assert!(roster.list(vec![running("m", "a", 0)]).is_empty());
    assert_eq!(roster.models(), 0);
    assert_eq!(short(&roster.update(&[running("m", "a", 50)])), ["+1 a:50"]);
}

#[test]
fn what_failed_is_tried_again_once_the_orchestrator_restarts_it() {
    let mut roster = with_one();
    roster.give_up("m", RunId(1));
    assert!(roster.list(vec![running("m", "a", 50)]).is_empty());
    assert!(
        roster
            .update(&[item("m", "a", State::Stopped, 50)])
            .is_empty()
    );
    assert_eq!(short(&roster.update(&[running("m", "a", 50)])), ["+2 a:50"]);
}

#[test]
fn unknown_states_change_nothing() {
    let mut roster = with_one();
    assert!(
        roster
            .update(&[item("m", "a", State::Other, 50)])
            .is_empty()
    );
    assert_eq!(serving(&roster), [1]);
}
