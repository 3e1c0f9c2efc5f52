//! Prices by ticker.

use super::{Line, Mark, line};
use crate::{cli::status::words::ago, status::Status, vitals::Prices};

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let one = |(ticker, prices): (&String, &Prices)| {
        let (mark, more) = match (&prices.obstacle, &prices.stand_in) {
            (Some(obstacle), _) => (Mark::Warn, format!("; {}", obstacle.cause)),
            (None, Some(it)) => (
                Mark::Warn,
                format!("; {} stands in for {}", it.source, it.first),
            ),
            (None, None) => (Mark::Good, String::new()),
        };
        let days = prices.closes / 24;
        let until = ago(prices.until, status.at);
        let text = format!(
            "{} closes, {days} days of them by the hour, the newest {until}{more}",
            prices.closes
        );
        let short = format!("{} closes, {until}", prices.closes);
        line(mark, ticker, text).short(short)
    };
    status.prices.iter().map(one).collect()
}
