use time::macros::datetime;

use super::*;
use crate::preflight::Level;

const VIEW: View<'static> = View {
    chain_id: "allora-testnet-1",
    height: Height(1_000),
    time: datetime!(2025-10-01 12:00 UTC),
    block_time: Some(Duration::from_secs(5)),
    registers: true,
    registration_fee: Some(Uallo(200)),
    own_forecasters: &[],
};

fn found(change: impl FnOnce(&mut Topic, &mut WindowStatus)) -> Found {
    let mut topic = Topic {
        id: 67,
        loss_method: "mse".into(),
        epoch_length: 720,
        worker_submission_window: 600,
        ..Topic::default()
    };
    let mut status = WindowStatus {
        open: None,
        next_start: Some(Height(1_120)),
        next_end: Some(Height(1_720)),
        is_registered: true,
        is_whitelisted: true,
        is_active: true,
    };
    change(&mut topic, &mut status);
    Found {
        id: TopicId(67),
        topic: Some(topic),
        status: Some(status),
    }
}

fn levels(all: &[Check]) -> Vec<Level> {
    all.iter().map(|it| it.level).collect()
}

#[test]
fn a_topic_is_told_in_blocks_and_minutes_with_its_next_window() {
    let all = judge(&found(|_, _| {}), &VIEW);
    assert_eq!(levels(&all), [Level::Ok; 3]);
    assert_eq!(
        all[0].what,
        "a window every 720 blocks (60 min), open for 600 blocks (50 min), loss mse; next at block \
         1,120, about 2025-10-01 12:10:00 UTC"
    );
}

#[test]
fn without_a_measured_block_time_blocks_are_told_alone() {
    let view = View {
        block_time: None,
        ..VIEW
    };
    let all = judge(&found(|_, _| {}), &view);
    assert!(
        all[0]
            .what
            .starts_with("a window every 720 blocks, open for 600 blocks")
    );
    assert!(all[0].what.ends_with("next at block 1,120"));
}

#[test]
fn a_missing_topic_ends_a_start_and_an_inactive_one_is_waited_for() {
    let missing = Found {
        id: TopicId(99),
        topic: None,
        status: None,
    };
    let all = judge(&missing, &VIEW);
    assert!(all.len() == 1 && all[0].stops(), "{all:?}");
    let all = judge(&found(|_, status| status.is_active = false), &VIEW);
    assert_eq!(all[0].level, Level::Error);
    assert!(!all[0].stops() && !all[0].remedy.is_empty());
}

#[test]
fn a_registration_is_made_by_the_worker_unless_it_is_not_to() {
    let unregistered = found(|_, status| status.is_registered = false);
    let all = judge(&unregistered, &VIEW);
    assert_eq!(levels(&all), [Level::Ok, Level::Warning, Level::Ok]);
    assert!(all[1].remedy.contains("200 uallo"), "{all:?}");
    let view = View {
        registers: false,
        ..VIEW
    };
    let all = judge(&unregistered, &view);
    assert_eq!(all[1].level, Level::Error);
    assert!(!all[1].stops() && all[1].remedy.contains("--no-register"));
}

#[test]
fn who_may_not_submit_is_told_so() {
    let all = judge(&found(|_, status| status.is_whitelisted = false), &VIEW);
    assert_eq!(levels(&all), [Level::Ok, Level::Ok, Level::Error]);
    assert!(!all[2].stops() && all[2].remedy.contains("creator"));
}

#[test]
fn several_labels_need_a_forecaster_of_ones_own() {
    let many = found(|topic, _| {
        topic.output_arity = 2;
        topic.label_whitelist = vec!["up".into(), "down".into()];
    });
    let all = judge(&many, &VIEW);
    assert!(
        all.iter()
            .any(|it| it.stops() && it.what.contains("up, down"))
    );
    let own = View {
        own_forecasters: &[TopicId(67)],
        ..VIEW
    };
    assert_eq!(levels(&judge(&many, &own)), [Level::Ok; 3]);
}
