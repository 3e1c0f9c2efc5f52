use rstest::rstest;

use super::*;

#[rstest]
#[case::nothing_new(120, 120, 12, &[])]
#[case::one(108, 120, 12, &[120])]
#[case::some(90, 120, 12, &[96, 108, 120])]
#[case::never_read(0, 30, 12, &[6, 18, 30])]
#[case::no_epoch(118, 120, 0, &[119, 120])]
#[case::read_ahead(130, 120, 12, &[])]
fn openings_since_the_last_that_was_read_follow_from_the_epoch(
    #[case] read: i64,
    #[case] last: i64,
    #[case] epoch: i64,
    #[case] expected: &[i64],
) {
    let expected: Vec<_> = expected.iter().copied().map(Height).collect();
    assert_eq!(since(read, last, epoch), expected);
}

#[test]
fn a_long_time_away_is_caught_up_as_far_as_nodes_tell() {
    let all = since(0, 1_000_000, 12);
    assert_eq!(all.len(), usize::try_from(MOST).unwrap());
    assert_eq!(all.last(), Some(&Height(1_000_000)));
    assert!(all.is_sorted());
}
