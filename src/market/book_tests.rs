use super::*;
use crate::{forecast::Candle, market::testing::candle};

const DAY: i64 = 24 * HOUR;
const NOW: i64 = 1_000 * DAY + 600;
const TOP: i64 = 1_000 * DAY;

fn of(origin: Origin, candles: impl IntoIterator<Item = Candle>) -> Vec<StoredCandle> {
    let stored = |candle| StoredCandle { candle, origin };
    candles.into_iter().map(stored).collect()
}

fn flat(stretch: Range<i64>) -> Vec<StoredCandle> {
    of(Origin::Tiingo, hours(stretch).map(|hour| candle(hour, 1.0)))
}

fn book() -> Book {
    Book::new("btcusd", 10 * DAY, 0.25)
}

fn absences() -> Absences {
    Absences::new(60)
}

fn closes(book: &Book) -> Vec<f64> {
    let history = book.history();
    history.candles.iter().map(|candle| candle.close).collect()
}

#[test]
fn asks_from_the_newest_hour_back_step_by_step() {
    let mut book = book();
    let none = absences();
    assert_eq!(book.left(Origin::Tiingo, &none, NOW), 240);
    let mut asked = Vec::new();
    while let Some(stretch) = book.missing(Origin::Tiingo, &none, NOW, 3 * DAY) {
        asked.push((TOP - stretch.start, TOP - stretch.end));
        book.insert(flat(stretch), NOW);
    }
    let steps = [(3, 0), (6, 3), (9, 6), (10, 9)].map(|(from, to)| (from * DAY, to * DAY));
    assert_eq!(asked, steps);
    assert_eq!(closes(&book).len(), 240);
    assert_eq!(book.left(Origin::Tiingo, &none, NOW), 0);
}

#[test]
fn hours_asked_for_in_vain_are_left_for_a_while() {
    let (mut book, mut absences) = (book(), absences());
    book.insert(flat(TOP - 10 * DAY..TOP - 5 * DAY), NOW);
    book.insert(flat(TOP - 5 * DAY + HOUR..TOP - HOUR), NOW);
    let missing =
        |book: &Book, absences: &Absences, at| book.missing(Origin::Tiingo, absences, at, DAY);
    let newest = TOP - HOUR..TOP;
    assert_eq!(missing(&book, &absences, NOW), Some(newest.clone()));
    assert!(is_recent(&newest, NOW));
    absences.note(newest.start, NOW);
    let gap = TOP - 5 * DAY..TOP - 5 * DAY + HOUR;
    assert_eq!(missing(&book, &absences, NOW), Some(gap.clone()));
    assert!(!is_recent(&gap, NOW));
    absences.note(gap.start, NOW);
    assert_eq!(missing(&book, &absences, NOW), None);
    assert_eq!(missing(&book, &absences, NOW + 60), Some(newest.clone()));
    book.insert(flat(newest), NOW + 60);
    assert_eq!(missing(&book, &absences, NOW + 60), None);
    assert_eq!(book.gaps(NOW), vec![gap; 1]);
}

#[test]
fn tells_what_is_new_and_forgets_what_is_old() {
    let mut book = book();
    let day = flat(TOP - DAY..TOP);
    assert_eq!(book.insert(day.clone(), NOW).len(), 24);
    assert_eq!(book.insert(day.clone(), NOW), []);
    let mut corrected = day[3];
    corrected.candle.close = 1.0005;
    let of_no_use = of(Origin::Tiingo, [candle(0, 1.0), candle(5, 1.0)]);
    let given = [vec![corrected], of_no_use].concat();
    assert_eq!(book.insert(given, NOW), [corrected]);
    book.trim(NOW + 10 * DAY);
    assert!(book.is_empty() && book.history().candles.is_empty());
}

#[test]
fn a_stronger_source_replaces_a_weaker_one_and_is_still_asked() {
    let mut book = book();
    let stretch = TOP - 10 * DAY..TOP;
    book.insert(flat(stretch), NOW);
    let hour = TOP - 7 * HOUR;
    let csv = of(Origin::Csv, [candle(hour, 1.1)]);
    let tiingo = of(Origin::Tiingo, [candle(hour, 1.2)]);
    assert_eq!(book.insert(csv.clone(), NOW), csv);
    assert_eq!(book.insert(tiingo, NOW), []);

    let mut stood_in = self::book();
    let all = hours(TOP - 10 * DAY..TOP).map(|hour| candle(hour, 1.0));
    stood_in.insert(of(Origin::Coinbase, all), NOW);
    assert_eq!(stood_in.newest_of(Origin::Tiingo), None);
    let none = absences();
    assert_eq!(stood_in.missing(Origin::Coinbase, &none, NOW, DAY), None);
    let asked = stood_in.missing(Origin::Tiingo, &none, NOW, DAY);
    assert_eq!(asked, Some(TOP - DAY..TOP));
}

#[test]
fn the_newest_jump_is_held_back_until_the_next_candle_decides() {
    for (next, expected, aside) in [(1.01, vec![1.0, 1.01], 1), (1.52, vec![1.0, 1.5, 1.52], 0)] {
        let mut book = book();
        let at = |back: i64, close| of(Origin::Tiingo, [candle(TOP - back * HOUR, close)]);
        book.insert(at(3, 1.0), NOW);
        let jump = at(2, 1.5);
        book.insert(jump.clone(), NOW);
        assert_eq!(book.judge(), []);
        assert_eq!(book.held().map(|held| held.it), Some(jump[0]));
        assert_eq!(closes(&book), [1.0], "it is held back");
        assert_eq!(book.newest().map(|it| it.candle.close), Some(1.0));
        assert!(!book.counts(&jump[0]));
        assert!(
            !book.lacks(Origin::Tiingo, TOP - 2 * HOUR),
            "it is not asked for"
        );

        book.insert(at(1, next), NOW);
        let found = book.judge();
        assert_eq!((closes(&book), found.len()), (expected, aside));
        assert_eq!(book.held(), None);
        let again = book.insert(jump.clone(), NOW);
        assert_eq!(again, [], "known, or known as wrong");
        if let Some((_, reason)) = found.first() {
            assert_eq!(
                reason,
                "its close jumps from 1 to 1.5, and the next is 1.01"
            );
            let corrected = at(2, 1.02);
            assert_eq!(book.insert(corrected.clone(), NOW), corrected);
        }
    }
}
