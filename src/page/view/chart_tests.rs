use time::macros::datetime;

use super::*;

#[test]
fn marks_are_round_and_within() {
    let scale = Scale::new(-3.7, 8.2, 100.0, 0.0);
    let (values, digits) = scale.round_values(5);
    assert_eq!((values, digits), (vec![0.0, 5.0], 0));
    let (values, digits) = Scale::new(0.93, 1.04, 0.0, 1.0).round_values(6);
    assert_eq!(digits, 2);
    assert!(values.len() > 3 && values.iter().all(|it| (0.93..=1.041).contains(it)));
    let ticks = Scale::new(-1.0, 1.0, 0.0, 100.0).ticks(2, " %", true);
    let told: Vec<_> = ticks.iter().map(|it| (&*it.at, &*it.text)).collect();
    assert_eq!(told, [("0", "−1 %"), ("50", "0 %"), ("100", "+1 %")]);
}

#[test]
fn no_values_are_too_odd_to_be_drawn() {
    for (low, high) in [
        (1.0, 1.0),
        (0.0, 0.0),
        (f64::NAN, 1.0),
        (-1e300, 1e300),
        (5.0, -5.0),
    ] {
        let scale = Scale::new(low, high, 0.0, 100.0);
        for value in [low, high, 0.0, f64::MAX] {
            let at = scale.at(value);
            assert!(at.is_nan() == value.is_nan() && (at.is_nan() || (0.0..=100.0).contains(&at)));
        }
        assert!(scale.ticks(4, "", false).len() <= 5);
    }
}

#[test]
fn thinning_keeps_the_ends_of_what_was() {
    let points: Vec<_> = (0..2_160)
        .map(|it| {
            (
                f64::from(it),
                if it == 777 { 99.0 } else { f64::from(it % 7) },
            )
        })
        .collect();
    let kept = thinned(&points, 400);
    assert!(
        kept.len() <= 400 && kept.contains(&(777.0, 99.0)),
        "{}",
        kept.len()
    );
    assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(thinned(&points[..300], 400).len(), 300);
}

#[test]
fn times_are_marked_by_days_or_hours() {
    let (first, last) = (
        datetime!(2025-09-16 00:30 UTC),
        datetime!(2025-12-15 0:00 UTC),
    );
    let scale = Scale::new(seconds(first), seconds(last), 0.0, 1_000.0);
    let ticks = time_ticks(scale, first, last, 8);
    let told: Vec<_> = ticks.iter().map(|it| &*it.text).collect();
    assert_eq!(told[0], "30 Sep", "{told:?}");
    assert!((4..=9).contains(&told.len()));
    let last = datetime!(2025-09-16 06:00 UTC);
    let ticks = time_ticks(scale, first, last, 8);
    let told: Vec<_> = ticks.iter().map(|it| &*it.text).collect();
    assert_eq!(told, ["01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]);
}
