//! What the measures need to know of a stretch of rows: sums alone, so that stretches can be joined.

use super::{Pair, Score, measures};

/// Sums over the rows of a stretch. `y` is the outcome, `f` the forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// Rows.
    pub n: f64,
    /// Σ y
    pub y: f64,
    /// Σ f
    pub f: f64,
    /// Σ y²
    pub yy: f64,
    /// Σ f²
    pub ff: f64,
    /// Σ f·y
    pub fy: f64,
    /// Σ (y − f)²
    pub ee: f64,
    /// Σ |y|
    pub a: f64,
    /// Σ |y|·y²
    pub ayy: f64,
    /// Σ |y|·(y − f)²
    pub aee: f64,
    /// Σ ±|y|, plus where the signs agree.
    pub right: f64,
}

/// Whether the signs of consecutive rows agreed. Rows whose outcome is 0 have no direction and are
/// left out, as the kit does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hits {
    /// Rows with a direction.
    pub rows: f64,
    /// Rows whose sign was right.
    pub right: f64,
    /// Neighbours of which both were right.
    pub both: f64,
    /// The first row, 1 where right; 0 without rows.
    pub first: f64,
    /// The last row.
    pub last: f64,
}

/// Whether the signs agree; a forecast of 0 has none, and is wrong.
pub(super) fn is_hit(pair: &Pair) -> bool {
    (pair.forecast > 0.0 && pair.outcome > 0.0) || (pair.forecast < 0.0 && pair.outcome < 0.0)
}

impl Sums {
    /// Those of one row.
    pub(super) fn of(pair: &Pair) -> Self {
        let (y, f) = (pair.outcome, pair.forecast);
        let (size, error) = (y.abs(), (y - f) * (y - f));
        Self {
            n: 1.0,
            y,
            f,
            yy: y * y,
            ff: f * f,
            fy: f * y,
            ee: error,
            a: size,
            ayy: size * y * y,
            aee: size * error,
            right: if is_hit(pair) { size } else { -size },
        }
    }

    fn zip(&self, other: &Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            n: with(self.n, other.n),
            y: with(self.y, other.y),
            f: with(self.f, other.f),
            yy: with(self.yy, other.yy),
            ff: with(self.ff, other.ff),
            fy: with(self.fy, other.fy),
            ee: with(self.ee, other.ee),
            a: with(self.a, other.a),
            ayy: with(self.ayy, other.ayy),
            aee: with(self.aee, other.aee),
            right: with(self.right, other.right),
        }
    }

    /// With a further stretch.
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    /// Without a stretch at the beginning.
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl Hits {
    /// Those of one row that has a direction.
    pub(super) fn of(right: bool) -> Self {
        let right = f64::from(u8::from(right));
        Self {
            rows: 1.0,
            right,
            both: 0.0,
            first: right,
            last: right,
        }
    }

    /// With a stretch that follows.
    pub(super) fn then(&self, next: &Self) -> Self {
        if self.rows == 0.0 {
            return *next;
        }
        if next.rows == 0.0 {
            return *self;
        }
        Self {
            rows: self.rows + next.rows,
            right: self.right + next.right,
            both: self.both + next.both + self.last * next.first,
            first: self.first,
            last: next.last,
        }
    }
}

/// A stretch of rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    pub sums: Sums,
    pub hits: Hits,
}

impl Stretch {
    /// That of all these rows.
    pub(super) fn of(pairs: &[Pair]) -> Self {
        pairs.iter().fold(Self::default(), |all, pair| {
            let hits = if pair.outcome == 0.0 {
                Hits::default()
            } else {
                Hits::of(is_hit(pair))
            };
            let sums = Sums::of(pair);
            all.then(&Self { sums, hits })
        })
    }

    /// With a stretch that follows.
    pub(super) fn then(&self, next: &Self) -> Self {
        Self {
            sums: self.sums.plus(&next.sums),
            hits: self.hits.then(&next.hits),
        }
    }

    /// Its measures; none without rows, or when nothing moved.
    pub(super) fn score(&self) -> Option<Score> {
        measures::from_stretch(self)
    }
}
