use std::path::PathBuf;

use time::macros::datetime;

use super::*;

const UNTIL: OffsetDateTime = datetime!(2025-12-01 12:20 UTC);

fn prices() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/btcusd_1h_2023-01_2025-12.csv")
}

#[tokio::test]
async fn a_folder_that_holds_something_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    fs::write(&kept, "mine").unwrap();
    let season = Season::of_prices(&prices(), 3, UNTIL).unwrap();
    let refused = season.fill(folder.path()).await.unwrap_err();
    assert!(
        refused.to_string().contains("empty folder alone"),
        "{refused}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn more_windows_than_there_are_prices_for_are_refused() {
    let refused = Season::of_prices(&prices(), 1_000_000, UNTIL).unwrap_err();
    assert!(matches!(refused, SampleError::Short { .. }), "{refused}");
}

#[test]
fn a_season_has_all_that_can_become_of_a_window() {
    let season = Season::of_prices(&prices(), 2_160, UNTIL).unwrap();
    let fates: Vec<Fate> = (0..2_160).map(|it| season.fate(it)).collect();
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|it| wanted(it)).count();
    assert_eq!(count(|it| *it == Fate::Included), 1);
    assert!(count(|it| *it == Fate::Counted) > 1_900);
    assert!(count(|it| *it == Fate::Outranked) > 50);
    assert!(count(|it| matches!(it, Fate::Missed(_))) > 15);
    assert!(count(|it| *it == Fate::Unseen) > 30);
    assert_eq!(season.opened(2_159), UNTIL - SINCE);
    assert_eq!(
        season.opened(2_159) - season.opened(0),
        Duration::hours(2_159)
    );
}
