//! Seasons that are made up, in short: what a network of models is worth as a forecast. The long show is
//! `scripts/show_blend.sh`.

#[path = "../../benches/season/cast.rs"]
mod cast;
#[path = "../../benches/season/market.rs"]
mod market;
#[path = "../../benches/season/play.rs"]
mod play;

use self::{cast::Kind, play::Season};

/// A season of 260 days, a day ahead, with gates that can be told of after two months.
fn season(cast: Vec<Kind>, explained: f64) -> play::Played {
    let mut season = Season::new(1, 24, 260, explained, cast);
    season.forecast.record_least = 60;
    season.play()
}

#[test]
fn where_some_know_something_the_blend_is_better_than_the_prior() {
    let played = season(cast::mixed(), 0.15);
    let ratio = |source| played.ratio(source, 0);
    assert!(ratio("models") < 0.97, "{}", ratio("models"));
    let gained = ratio("prior") - ratio("blend");
    assert!(gained > 0.004, "{gained}");
    assert!(ratio("models") < ratio("mean"));
    let open = played.gates.iter().copied().fold(0.0, f64::max);
    assert!(open > 0.3, "{open}");
    assert!(played.gates[..60].iter().all(|gate| *gate <= 0.0));
}

#[test]
fn where_nobody_knows_anything_the_blend_is_the_prior_but_for_a_hair() {
    let played = season(cast::useless(), 0.15);
    let lost = played.ratio("blend", 0) - played.ratio("prior", 0);
    assert!(lost < 0.002, "{lost}");
    assert!(
        played.ratio("mean", 0) > 1.01,
        "the network is worth nothing"
    );
}

#[test]
fn a_turncoat_is_found_out() {
    let mut cast = cast::mixed();
    cast.retain(|kind| *kind != Kind::Turncoat);
    let without = season(cast, 0.15).ratio("models", 0);
    let mut season = Season::new(1, 24, 260, 0.15, cast::mixed());
    season.forecast.record_least = 60;
    season.turn = 100;
    let with = season.play().ratio("models", 0);
    assert!(with - without < 0.01, "{with} {without}");
}
