use super::*;
use crate::predict::testing_market::{btc, minute, minutes};

const NEVER: i64 = i64::MAX;

fn times(prices: &Prices) -> Vec<(String, Vec<i64>)> {
    let of = |closes: &[Close]| {
        closes
            .iter()
            .map(|it| (it.at - minute(0).at) / 60)
            .collect()
    };
    prices
        .iter()
        .map(|(asset, closes)| (asset.to_owned(), of(closes)))
        .collect()
}

fn only(minutes: &[i64]) -> Vec<(String, Vec<i64>)> {
    vec![("BTC".to_owned(), minutes.to_vec())]
}

#[test]
fn only_what_is_new_is_given_in_order() {
    let mut book = Book::new(3_600);
    let taken = book.take(btc([3, 1, 2, 1]), NEVER);
    assert_eq!(times(&taken.new), only(&[1, 2, 3]));
    let taken = book.take(btc([2, 3, 4]), NEVER);
    assert_eq!(times(&taken.new), only(&[4]));
    assert!(book.take(btc([1, 4]), NEVER).new.is_empty());
    // Late, before what is known and between.
    let taken = book.take(btc([0, 5]), NEVER);
    assert_eq!(times(&taken.new), only(&[0, 5]));
    assert_eq!(times(&book.all()), only(&[0, 1, 2, 3, 4, 5]));
    assert_eq!(times(&book.since(minute(4).at)), only(&[4, 5]));
    assert_eq!(book.newest("BTC"), Some(minute(5)));
    assert_eq!(book.newest("ETH"), None);
}

#[test]
fn another_price_for_a_known_time_replaces_it_and_is_new() {
    let mut book = Book::new(3_600);
    book.take(btc([1, 2, 3]), NEVER);
    let better = Close {
        price: 7.5,
        ..minute(2)
    };
    let taken = book.take(Prices::of("BTC", vec![better, minute(3)]), NEVER);
    assert_eq!(taken.new, Prices::of("BTC", vec![better]));
    assert_eq!(
        book.all(),
        Prices::of("BTC", vec![minute(1), better, minute(3)])
    );
    // Of two in one batch the later one counts.
    let twice = vec![
        minute(2),
        Close {
            price: 8.5,
            ..better
        },
    ];
    assert_eq!(book.take(Prices::of("BTC", twice), NEVER).new.len(), 1);
    assert_eq!(
        book.since(minute(2).at)
            .iter()
            .next()
            .map(|(_, it)| it[0].price),
        Some(8.5)
    );
}

#[test]
fn what_can_not_be_true_is_refused() {
    let mut book = Book::new(3_600);
    let wrong = [f64::NAN, f64::INFINITY, 0.0, -1.0];
    let mut closes: Vec<_> = wrong.map(|price| Close { price, ..minute(1) }).to_vec();
    closes.extend(minutes([2, 9]));
    let taken = book.take(Prices::of("BTC", closes), minute(5).at);
    assert_eq!(times(&taken.new), only(&[2]));
    let why: Vec<_> = taken.refused.iter().map(|it| it.why).collect();
    assert_eq!(
        why,
        [Why::Price, Why::Price, Why::Price, Why::Price, Why::Future]
    );
    assert!(
        taken.refused[0]
            .to_string()
            .contains("BTC at 1759320060 costs NaN")
    );
    assert!(taken.refused[4].to_string().contains("is to come"));
}

#[test]
fn each_asset_keeps_the_time_before_its_own_newest_close() {
    let mut book = Book::new(600);
    let mut prices = btc(0..=10);
    prices.extend("ETH", minutes(0..=3));
    book.take(prices, NEVER);
    assert_eq!(book.len(), 15);
    // Ten minutes before the newest stay; another asset's stand still.
    book.take(btc([15]), NEVER);
    assert_eq!(times(&book.all())[0].1, [5, 6, 7, 8, 9, 10, 15]);
    assert_eq!(times(&book.all())[1].1, [0, 1, 2, 3]);
    // What is too old from the start is not new.
    assert!(book.take(btc([4, -7]), NEVER).new.is_empty());
    assert_eq!(times(&book.take(btc([12]), NEVER).new), only(&[12]));
    // A far jump ahead drops all that was.
    book.take(btc([1_000_000]), NEVER);
    assert_eq!(book.len(), 1 + 4);
}

#[test]
fn a_year_of_minutes_keeps_the_memory_of_thirty_days() {
    const DAY: i64 = 1_440;
    let mut book = Book::new(30 * 86_400);
    let mut new = 0;
    for day in 0..365 {
        new += book.take(btc(day * DAY..(day + 1) * DAY), NEVER).new.len();
    }
    assert_eq!(new, 525_600);
    assert_eq!(book.len(), 30 * 1_440 + 1);
    assert!(book.assets["BTC"].capacity() <= 2 * 1_440 * 32);
    assert_eq!(book.newest("BTC"), Some(minute(365 * DAY - 1)));
}
