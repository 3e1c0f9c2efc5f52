//! The record of a network, walked day by day: continued where it stands, and begun anew when what is
//! long past turns out otherwise.

use std::sync::Arc;

use super::{Ensemble, NetworkState, Voice, round_of, voices};
use crate::forecast::{Candle, Day, HOUR, prior::Horizon};

/// Newest days that are walked again when one of them changes: rounds and scores come in late.
const LATE: usize = 12;

/// What is walked, and where it led.
pub(super) struct Record {
    edition: u64,
    rows: Vec<Row>,
    /// The record as it was some days ago, with its days.
    early: (usize, Ensemble),
    pub(super) ensemble: Arc<Ensemble>,
    /// Days that the last walk took.
    pub(super) steps: usize,
}

/// All that a day's turn hears.
struct Row {
    day: Day,
    heard: Vec<Voice>,
    /// Closes that came due since the day before.
    came: Vec<Option<u64>>,
}

impl Record {
    /// The record over these days, from `new` on or from where `before` can be continued. `age` is how old
    /// an answer may be, in seconds.
    pub(super) fn walked(
        before: Option<Self>,
        new: impl FnOnce() -> Ensemble,
        (days, candles): (&[Day], &[Candle]),
        state: &NetworkState,
        (horizon, age): (Horizon, i64),
    ) -> Self {
        let before = match before {
            Some(mut it) if it.is_of(days, state) => {
                it.steps = 0;
                return it;
            }
            before => before,
        };
        let close = |end: i64| {
            let start = end.saturating_sub(HOUR);
            let place = candles.binary_search_by_key(&start, |candle| candle.start);
            Some(candles.get(place.ok()?)?.close)
        };
        let rows = rows(days, state, horizon, age, close);
        let shared = before.as_ref().map_or(0, |it| {
            let both = it.rows.iter().zip(&rows);
            both.take_while(|(a, b)| a.is(b)).count()
        });
        let known = before.filter(|it| shared >= it.rows.len() || shared >= it.early.0);
        let (mut from, mut ensemble, mut early) = match known {
            // What is kept of some days ago must not grow old.
            Some(it) if shared >= it.rows.len() && rows.len() <= it.early.0 + 2 * LATE => {
                (shared, it.ensemble.as_ref().clone(), Some(it.early))
            }
            Some(it) => (it.early.0, it.early.1.clone(), Some(it.early)),
            None => (0, new(), None),
        };
        let steps = rows.len() - from;
        let keep = rows.len().saturating_sub(LATE);
        while from < rows.len() {
            if from == keep {
                early = Some((from, ensemble.clone()));
            }
            ensemble.turn(&rows[from].day, &rows[from].heard, close);
            from += 1;
        }
        Self {
            edition: state.record,
            early: early.unwrap_or_else(|| (from, ensemble.clone())),
            rows,
            ensemble: Arc::new(ensemble),
            steps,
        }
    }

    /// Whether it is the record of these.
    fn is_of(&self, days: &[Day], state: &NetworkState) -> bool {
        let ours = self.rows.iter().map(|row| &row.day);
        self.edition == state.record && ours.eq(days)
    }
}

impl Row {
    /// Bit for bit: what is no number is the same as itself.
    fn is(&self, other: &Self) -> bool {
        let same = |(a, b): (&Voice, &Voice)| {
            let bits = |it: &Voice| (it.value.to_bits(), it.standing.map(f64::to_bits));
            a.model == b.model && bits(a) == bits(b)
        };
        self.day == other.day
            && self.came == other.came
            && self.heard.len() == other.heard.len()
            && self.heard.iter().zip(&other.heard).all(same)
    }
}

fn rows(
    days: &[Day],
    state: &NetworkState,
    horizon: Horizon,
    age: i64,
    close: impl Fn(i64) -> Option<f64>,
) -> Vec<Row> {
    let span = i64::try_from(horizon.hours).unwrap_or(i64::MAX);
    let span = span.saturating_mul(HOUR);
    let mut waiting = days.iter().map(|it| it.at.saturating_add(span)).peekable();
    let row = |day: &Day| {
        let mut came = Vec::new();
        while let Some(due) = waiting.next_if(|due| *due <= day.at) {
            came.push(close(due).map(f64::to_bits));
        }
        let heard = round_of(&state.daily, day.at);
        Row {
            day: *day,
            heard: voices(heard, &state.standings, day.at, age),
            came,
        }
    };
    days.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::forecast::{
        BlendConfig, Choice, Expected, Round, Standing, Standings, network::testing::ten,
        testing::hasty,
    };

    const DAY: i64 = 24 * HOUR;

    fn day(place: i64, close: f64) -> Day {
        Day {
            at: place * DAY + HOUR,
            close,
            built_in: 0.001,
            scale: 0.07,
        }
    }

    /// Ten models that answer on each of so many days, each with a score a day later.
    fn state(record: u64, days: i64, loss_of: impl Fn(i64) -> f64) -> NetworkState {
        let of = |place: i64| {
            let at = place * DAY + HOUR;
            let answers = ten().into_iter().map(|it| Expected {
                model: it.model,
                at: at - 60,
                log_return: it.value + 0.001 * (place % 7) as f64,
            });
            let answers = answers.collect();
            Round { at, answers }
        };
        let daily: Vec<Round> = (0..days).map(of).collect();
        let scores = daily.iter().flat_map(|round| {
            let (at, loss) = (round.at + DAY, loss_of(round.at.div_euclid(DAY)));
            let standing = Standing {
                at,
                loss,
                reference: 1.0,
            };
            round
                .answers
                .iter()
                .map(move |it| (Arc::clone(&it.model), standing))
        });
        let standings = Arc::new(Standings::new(scores, Duration::from_hours(24 * 60)));
        NetworkState {
            edition: record,
            record,
            standings,
            daily: daily.into(),
            ..NetworkState::default()
        }
    }

    #[test]
    fn it_is_continued_by_what_is_new_and_says_what_one_from_the_start_says() {
        let horizon = Duration::from_hours(24);
        let closes = |place: i64| 100.0 + (place % 5) as f64;
        let walk = |before, days: i64, state: &NetworkState| {
            let candle = |place: i64| Candle {
                start: place * DAY,
                open: 1.0,
                high: 1.0,
                low: 1.0,
                close: closes(place),
                volume: 1.0,
            };
            let candles: Vec<_> = (0..days).map(candle).collect();
            let days: Vec<_> = (0..days).map(|it| day(it, closes(it))).collect();
            let (forecast, blend) = (hasty(Choice::Prior), BlendConfig::default());
            let new = || Ensemble::new(&forecast, &blend, horizon);
            let terms = (Horizon::new(horizon), 3600);
            Record::walked(before, new, (&days, &candles), state, terms)
        };
        let says = |it: &Record| it.ensemble.say(&ten(), Some(0.001), Some(0.07)).unwrap();
        let early = |place: i64| 0.9 + 0.01 * (place % 3) as f64;
        let mut record = walk(None, 100, &state(1, 100, early));
        assert_eq!(record.steps, 100);
        record = walk(Some(record), 100, &state(1, 100, early));
        assert_eq!(record.steps, 0);
        // Day by day, and never more than what is kept of late.
        for days in 101..140 {
            let now = state(u64::try_from(days).unwrap(), days, early);
            record = walk(Some(record), days, &now);
            assert!(record.steps <= 2 * LATE + 1, "{}", record.steps);
            assert_eq!(says(&record), says(&walk(None, days, &now)));
        }
        assert!(says(&record).gate_t.is_some(), "{:?}", says(&record));
        // A score that comes late.
        let late = |place| if place == 135 { 1.4 } else { early(place) };
        let now = state(900, 139, late);
        record = walk(Some(record), 139, &now);
        assert!((1..=2 * LATE).contains(&record.steps), "{}", record.steps);
        assert_eq!(says(&record), says(&walk(None, 139, &now)));
        // One of long ago that turns out otherwise.
        let other = |place| if place == 20 { 1.4 } else { late(place) };
        let now = state(901, 139, other);
        record = walk(Some(record), 139, &now);
        assert_eq!(record.steps, 139);
    }
}
