//! The record of a network, walked day by day: continued where it stands, and begun anew when what is
//! long past turns out otherwise.

use std::sync::Arc;

use super::{Ensemble, NetworkState, Voice, round_of, voices};
use crate::forecast::{Candle, Day, Days, HOUR, prior::Horizon};

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
        (days, candles): (&Days, &[Candle]),
        state: &NetworkState,
        (horizon, age): (Horizon, i64),
    ) -> Self {
        let days = days.all();
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
