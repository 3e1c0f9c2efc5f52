use super::*;

const DAY: i64 = 86_400;

fn rows(pairs: &[(f64, f64)]) -> Vec<Timed> {
    let pair = |(day, &(forecast, outcome))| (DAY * day, Pair { forecast, outcome });
    (0..).zip(pairs).map(pair).collect()
}

#[test]
fn a_thinned_line_keeps_its_order_and_its_extremes() {
    let height = |x: i32| {
        if x == 1234 {
            50.0
        } else {
            (f64::from(x) * 0.37).sin()
        }
    };
    let points: Vec<Point> = (0..10_000).map(|x| (f64::from(x), height(x))).collect();
    let kept = thinned(&points);
    assert!(kept.len() <= 2 * COLUMNS, "{}", kept.len());
    assert!(kept.contains(&(1234.0, 50.0)));
    assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(thinned(&points[..700]), points[..700]);
}

#[test]
fn saved_ends_at_one_minus_the_squared_ratio() {
    let rows = rows(&[(0.01, 0.03), (-0.01, 0.02), (0.02, 0.05)]);
    let points = saved(&rows);
    // y² − (y − f)²: 0.0005, −0.0005, 0.0016; Σ y² = 0.0038.
    let expected = [0.0005 / 0.0038, 0.0, 0.0016 / 0.0038];
    for ((_, found), expected) in points.iter().zip(expected) {
        assert!((found - 100.0 * expected).abs() < 1e-9, "{found}");
    }
}

#[test]
fn a_rolling_ratio_holds_the_last_year_alone() {
    // A year of bad forecasts, then a year of perfect ones.
    let pairs: Vec<_> = (0..731)
        .map(|day| {
            if day < 365 {
                (-0.01, 0.01)
            } else {
                (0.01, 0.01)
            }
        })
        .collect();
    let points = rolling(&rows(&pairs));
    assert_eq!(points.len(), 731 - 365);
    // The first window holds the days 1 to 365: 364 bad, one perfect.
    let first = (4.0_f64 * 364.0 / 365.0).sqrt();
    assert!((points[0].1 - first).abs() < 1e-9, "{:?}", points[0]);
    assert!(points[365].1.abs() < 1e-6, "{:?}", points[365]);
    assert!(rolling(&rows(&pairs[..365])).is_empty());
    assert!(rolling(&[]).is_empty());
}

#[test]
fn reliability_groups_by_size_and_counts_overlaps_once() {
    let pairs: Vec<_> = (0..100)
        .map(|row| (f64::from(row), if row % 2 == 0 { 1.0 } else { -1.0 }))
        .collect();
    let bins = reliability(&rows(&pairs), 1.0);
    assert_eq!(bins.len(), BINS);
    assert!((bins[0].forecast - 4.5).abs() < 1e-12 && bins[0].outcome.abs() < 1e-12);
    let width = |bin: &Bin| bin.interval.end - bin.interval.start;
    assert!((width(&bins[0]) - 2.0 * 1.96 / 10.0_f64.sqrt()).abs() < 1e-12);
    let overlapping = reliability(&rows(&pairs), 5.0);
    assert!((width(&overlapping[3]) - 2.0 * 1.96 / 2.0_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn an_axis_has_round_labels_within_its_range() {
    let axis = axis([-0.0021, 0.0043].into_iter(), 7);
    let labels: Vec<&str> = axis
        .labels
        .iter()
        .map(|(_, label)| label.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "-0.002", "-0.001", "0.000", "0.001", "0.002", "0.003", "0.004"
        ]
    );
    assert!(
        axis.labels
            .iter()
            .all(|(place, _)| axis.range.contains(place))
    );
    for values in [
        vec![],
        vec![0.0],
        vec![1.0, 1.0],
        vec![f64::NAN],
        vec![1e6, 3e6],
    ] {
        let axis = super::axis(values.iter().copied(), 5);
        assert!(
            axis.range.start < axis.range.end && axis.labels.len() <= 7,
            "{axis:?}"
        );
    }
}

#[test]
fn an_axis_of_time_names_years_months_or_days() {
    let names = |first, last| -> Vec<String> {
        let labels = times(first, last).labels.into_iter();
        labels.map(|(_, label)| label).collect()
    };
    let start = 1_672_531_200; // 2023-01-01
    assert_eq!(
        names(start, start + 1080 * DAY),
        ["2023", "Jul", "2024", "Jul", "2025", "Jul"]
    );
    assert_eq!(
        names(start, start + 100 * DAY),
        ["2023", "Feb", "Mar", "Apr"]
    );
    assert_eq!(
        names(start, start + 12 * DAY),
        ["01-01", "01-04", "01-07", "01-10"]
    );
    assert_eq!(names(start, start + 4000 * DAY).len(), 6);
}
