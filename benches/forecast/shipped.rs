//! The bundled prices, scored alone.

use std::{thread, time::Duration};

use allora_worker::forecast::{Choice, Step, Walk};
use time::{Date, Month, OffsetDateTime};

use super::{Bounds, DAY, WEEK, bundled, ratio, shipped, walk};

/// Prints the shipped default's ratio to zero over years, halves and half-years, that of the others,
/// and that of cold starts.
pub(crate) fn show(bounds: &mut Bounds) {
    let candles = bundled();
    let steps = walk(Choice::Gated, WEEK, &candles);
    println!("\nbtcusd 2023-2025, every hour, 7 days ahead: error against that of zero");
    bounds.at_most("all", ratio(&steps, WEEK, |_| true), 0.998);
    for year in [2023, 2024, 2025] {
        let of = |step: &Step| moment(step).year() == year;
        bounds.at_most(&year.to_string(), ratio(&steps, WEEK, of), 1.001);
    }
    let middle = candles[(candles.len() - 168) / 2].start;
    let first = ratio(&steps, WEEK, |step| step.start < middle);
    bounds.at_most("first half", first, 1.0);
    let second = ratio(&steps, WEEK, |step| step.start >= middle);
    bounds.at_most("second half", second, 1.0);
    for year in [2023, 2024, 2025] {
        for half in [1, 2] {
            let july = Date::from_calendar_date(year, Month::July, 1).map(Date::midnight);
            let july = july.map_or(0, |date| date.assume_utc().unix_timestamp());
            let of =
                |step: &Step| moment(step).year() == year && (step.start < july) == (half == 1);
            println!(
                "  {:<38} {:>9.4}",
                format!("{year}H{half}"),
                ratio(&steps, WEEK, of)
            );
        }
    }
    println!("the others on the same prices: no single model does better");
    for source in Choice::ALL {
        let steps = walk(source, WEEK, &candles);
        println!("  {source:<38} {:>9.4}", ratio(&steps, WEEK, |_| true));
    }
    println!("with only the last days in sight");
    for (days, bound) in [(14, 1.0), (28, 0.999), (60, 0.998), (90, 0.998)] {
        let walk = Walk {
            config: &shipped(Choice::Gated),
            horizon: WEEK,
            visible: Some(Duration::from_secs(days * DAY.unsigned_abs())),
            threads: thread::available_parallelism().map_or(1, usize::from),
        };
        let steps = walk.run(&candles, &|_, _| {});
        // Before that fewer are in sight.
        let begin = candles[0].start + days.cast_signed() * DAY;
        let there = ratio(&steps, WEEK, |step| step.start >= begin);
        bounds.at_most(
            &format!("{days} days, once there are as many"),
            there,
            bound,
        );
        println!(
            "  {:<38} {:>9.4}",
            "  from the first hour on",
            ratio(&steps, WEEK, |_| true)
        );
    }
}

fn moment(step: &Step) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(step.start).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
