use super::*;
use crate::predict::testing_market::{Desk, START, btc, minute, minutes, model};

#[tokio::test(start_paused = true)]
async fn what_is_new_becomes_a_tick_and_facts_and_what_was_told_a_quote() {
    let desk = Desk::new();
    let mut history = btc(-3_000..0);
    history.extend("ETH", minutes([-2, -1]));
    assert_eq!(desk.book.fill(history.clone()), 3_002);
    assert_eq!(desk.book.fill(history), 0);
    assert_eq!(
        (desk.book.len(), desk.book.newest("BTC")),
        (3_002, Some(minute(-1)))
    );
    let facts = std::mem::take(&mut *desk.facts.0.lock().unwrap());
    let sizes: Vec<_> = facts.iter().map(size).collect();
    assert_eq!(
        sizes,
        [("BTC", 1_440), ("BTC", 1_440), ("BTC", 120), ("ETH", 2)]
    );

    let tick = desk.book.take(btc([-1, 0, 1])).unwrap();
    assert_eq!((tick.number, &tick.new), (2, &btc([0, 1])));
    assert_eq!(
        desk.book.newest("BTC"),
        Some(minute(-1)),
        "nobody was told so far"
    );
    desk.book.sent(&tick);
    assert_eq!(desk.book.newest("BTC"), Some(minute(1)));
    assert_eq!(desk.book.newest("ETH"), Some(minute(-1)));
    assert_eq!(size(&desk.facts.0.lock().unwrap()[0]), ("BTC", 2));
    assert_eq!(desk.book.take(btc([1])), None);
    // A correction of an earlier time does not make the newest older.
    let earlier = desk.book.take(Prices::of(
        "BTC",
        vec![Close {
            price: 1.0,
            ..minute(0)
        }],
    ));
    desk.book.sent(&earlier.unwrap());
    assert_eq!(desk.book.newest("BTC"), Some(minute(1)));
}

fn size(fact: &Fact) -> (&str, usize) {
    match fact {
        Fact::Closes { asset, closes } => (asset, closes.len()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_told_once_an_hour() {
    let desk = Desk::new();
    let far = || btc([6, 7]);
    assert_eq!(desk.book.fill(far()), 0);
    assert_eq!(desk.book.fill(far()), 0);
    let troubles = || {
        desk.recording
            .count(|event| matches!(event, Event::Trouble { .. }))
    };
    assert_eq!(troubles(), 1);
    // Five minutes are forgiven.
    assert_eq!(desk.book.fill(btc([5])), 1);
    desk.clock.set(START + Duration::from_secs(120));
    assert_eq!(desk.book.fill(far()), 2);
    tokio::time::advance(TELL_EVERY).await;
    desk.book.fill(btc([100_000]));
    assert_eq!(troubles(), 2);
}

#[tokio::test]
async fn the_whole_book_is_encoded_once_until_it_changes() {
    use crate::models::Replay as _;
    let desk = Desk::new();
    assert!(
        desk.book
            .calls(&model("a", "a1"), Instance::Created)
            .await
            .is_empty()
    );
    desk.book.fill(btc(-200..0));
    let (one, other) = tokio::join!(desk.book.whole(), desk.book.whole());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(Arc::ptr_eq(&one, &other));
    assert!(desk.book.take(btc([-1])).is_none());
    assert!(Arc::ptr_eq(&one, &desk.book.whole().await.unwrap()));
    desk.book.take(btc([0]));
    let next = desk.book.whole().await.unwrap();
    assert!(next[0].size() > one[0].size());
}

#[tokio::test]
async fn a_large_book_is_encoded_on_another_thread_while_it_changes() {
    let desk = Desk::new();
    let mut history = btc(-43_200..0);
    history.extend("ETH", minutes(-10_000..0));
    desk.book.fill(history);
    let book = Arc::clone(&desk.book);
    let encoding = tokio::spawn(async move { book.whole().await });
    desk.book.take(btc([0]));
    let calls = encoding.await.unwrap().unwrap();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].size() > 53_000 * 15, "{}", calls[0].size());
}

#[tokio::test]
async fn a_model_of_an_earlier_process_is_told_what_it_missed() {
    use crate::models::Replay as _;
    let desk = Desk::new();
    desk.book.fill(btc(-600..0));
    let found = |id: &'static str| {
        let book = &desk.book;
        async move { book.calls(&model(id, "1"), Instance::Found).await }
    };
    let whole = desk.book.whole().await.unwrap()[0].size();
    assert_eq!(found("a").await[0].size(), whole, "nothing is known of it");
    *desk.present.last.lock().unwrap() = Some(START - Duration::from_secs(600));
    // Ten minutes, and two for the margin.
    let expected = desk.book.calls_since(minute(-12).at).await.unwrap()[0].size();
    assert_eq!(found("b").await[0].size(), expected);
    assert!(expected < 400);
    let created = desk.book.calls(&model("c", "1"), Instance::Created).await;
    assert_eq!(created[0].size(), whole);
    *desk.present.last.lock().unwrap() = Some(START + Duration::from_secs(600));
    assert!(found("d").await.is_empty(), "it missed nothing");
}

#[test]
fn a_tick_that_can_not_be_called_is_told_at_the_start() {
    let desk = Desk::new();
    let config: crate::models::ModelsConfig =
        toml::from_str("tick = { name = 'tick', arguments = ['price JSON'] }").unwrap();
    let config = BookConfig {
        tick: config.tick,
        ..desk.book.config.clone()
    };
    let clock = Arc::clone(&desk.book.clock);
    let made = SharedBook::new(config, desk.present, desk.facts, clock, desk.reporter);
    let words = made
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        words.contains("an argument \"price\" that is not known"),
        "{words}"
    );
}
