use proptest::prelude::*;

use super::*;

fn config(asset: &str, interval: u32, order: u32) -> PredictionConfig {
    PredictionConfig {
        asset: asset.into(),
        horizon: 3_600,
        step: 60,
        interval,
        active: true,
        order,
        best: None,
    }
}

fn table(configs: Vec<PredictionConfig>) -> Timetable {
    let mut table = Timetable::default();
    table.set(configs);
    table
}

/// Begins what is due, as `key slot +missed`.
fn step(table: &mut Timetable, now: i64) -> Vec<String> {
    let due = table.due(now);
    for due in &due {
        table.begin(due);
    }
    let told = due.iter().map(|due| match due.missed {
        0 => format!("{} {}", due.config.asset, due.slot),
        missed => format!("{} {} +{missed}", due.config.asset, due.slot),
    });
    told.collect()
}

#[test]
fn those_alike_take_turns() {
    let mut table = table(vec![
        config("ETH", 720, 2),
        config("BTC", 720, 1),
        config("SOL", 720, 2),
        PredictionConfig {
            best: Some(10),
            ..config("BTC", 720, 0)
        },
    ]);
    let first = step(&mut table, 7_200);
    assert_eq!(
        first,
        ["BTC 7200", "BTC 7200", "ETH 6720", "SOL 6960"],
        "at first all are due at once; a subset is a group of its own"
    );
    assert_eq!(table.next(7_200), Some(7_440));
    assert_eq!(step(&mut table, 7_440), ["ETH 7440"]);
    assert_eq!(step(&mut table, 7_679), Vec::<String>::new());
    assert_eq!(step(&mut table, 7_680), ["SOL 7680"]);
    assert_eq!(table.next(7_680), Some(7_920));
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut table = table(vec![config("BTC", 600, 0)]);
    let key = config("BTC", 600, 0).key();
    table.performed(&key, 6_000);
    table.performed(&key, 5_400);
    assert_eq!(step(&mut table, 6_599), Vec::<String>::new());
    assert_eq!(step(&mut table, 6_601), ["BTC 6600"]);
    assert!(!table.due(7_300)[0].key.0.is_empty() && table.due(7_300)[0].is_running);
}

#[test]
fn what_was_slept_through_is_counted_and_not_made_up_for() {
    let mut table = table(vec![config("BTC", 600, 0)]);
    assert_eq!(step(&mut table, 6_000), ["BTC 6000"], "it never ran before");
    assert_eq!(step(&mut table, 9_050), ["BTC 9000 +4"]);
    assert_eq!(step(&mut table, 9_599), Vec::<String>::new());
    table.set(vec![config("BTC", 60, 0)]);
    assert_eq!(
        step(&mut table, 9_599),
        ["BTC 9540"],
        "another interval: nothing is counted"
    );
}

#[test]
fn a_clock_that_goes_back_stops_nothing() {
    let mut table = table(vec![config("BTC", 600, 0)]);
    assert_eq!(step(&mut table, 6_000), ["BTC 6000"]);
    assert_eq!(
        step(&mut table, 5_990),
        Vec::<String>::new(),
        "a small step back repeats nothing"
    );
    assert_eq!(step(&mut table, 6_001), Vec::<String>::new());
    table.performed(&config("BTC", 600, 0).key(), 6_000);
    let far_back: Vec<_> = (1_000..3_000)
        .flat_map(|now| step(&mut table, now))
        .collect();
    assert_eq!(far_back, ["BTC 600", "BTC 1200", "BTC 1800", "BTC 2400"]);
}

#[test]
fn the_first_of_a_key_counts_and_an_interval_of_nothing_does_not() {
    let table = table(vec![
        config("BTC", 600, 2),
        config("BTC", 300, 1),
        config("ETH", 0, 0),
    ]);
    assert_eq!(table.len(), 1);
    assert_eq!(table.due(0)[0].config.interval, 300);
}

proptest! {
    /// Whatever the clock does, a slot is one of the schedule, is begun once while time goes on, and
    /// none follows the other within less than an interval.
    #[test]
    fn slots_are_the_schedules_own(
        interval in 1_u32..5_000,
        count in 1_usize..6,
        start in 1_600_000_000_i64..1_900_000_000,
        steps in proptest::collection::vec(0_i64..9_000, 1..60),
    ) {
        let assets = ["A", "B", "C", "D", "E", "F"];
        let all: Vec<_> = assets[..count].iter().map(|it| config(it, interval, 0)).collect();
        let (mut one, other) = (table(all.clone()), table(all.into_iter().rev().collect()));
        let mut last: HashMap<ConfigKey, i64> = HashMap::new();
        let (mut now, width) = (start, i64::from(interval));
        for step in steps {
            now += step;
            for due in one.due(now) {
                prop_assert!(due.slot <= now && now - due.slot < width, "the newest slot alone");
                if let Some(last) = last.insert(due.key.clone(), due.slot) {
                    prop_assert_eq!((due.slot - last) % width, 0);
                    prop_assert_eq!((due.slot - last) / width, i64::try_from(due.missed).unwrap() + 1);
                }
                one.begin(&due);
                let same = other.due(now).into_iter().find(|it| it.key == due.key).unwrap();
                prop_assert_eq!(same.slot, due.slot, "the same in another process");
            }
            prop_assert!(one.due(now).is_empty());
            let next = one.next(now).unwrap();
            prop_assert!(next > now && next - now <= width);
            prop_assert!(one.due(next - 1).is_empty() && !one.due(next).is_empty());
        }
    }

    /// A clock that jumps about makes at most one round a look, and stands still for two intervals at
    /// most once it goes on.
    #[test]
    fn jumps_make_neither_a_storm_nor_a_stand_still(
        interval in 1_u32..5_000,
        jumps in proptest::collection::vec(1_600_000_000_i64..1_600_100_000, 1..40),
    ) {
        let mut table = table(vec![config("A", interval, 0)]);
        let width = i64::from(interval);
        for now in jumps {
            prop_assert!(step(&mut table, now).len() <= 1);
            let mut later = Timetable::default();
            later.set(vec![config("A", interval, 0)]);
            later.made = table.made.clone();
            prop_assert!((1..=2).any(|after| !later.due(now + after * width).is_empty()));
        }
    }
}
