//! What challengers learn from: one row a day, each with its outcome.

use super::grid::Grid;

/// Lags in hours of a row's features.
const LAGS: [usize; WIDTH] = [24, 168, 672, 1440, 2160];
/// Features of a row.
pub(super) const WIDTH: usize = 5;
/// Scaled values beyond this are held there.
const CLIP: f64 = 4.0;

/// The returns over the lags, each in units of its volatility.
pub(super) type Features = [f64; WIDTH];

/// The features of the newest hour. A lag beyond the history, or in a gap, says nothing: 0.
pub(super) fn features(grid: &Grid) -> Features {
    LAGS.map(|lag| grid.momentum(lag).map_or(0.0, clip))
}

fn clip(value: f64) -> f64 {
    value.clamp(-CLIP, CLIP)
}

/// A day's features, and the return that followed over the horizon in units of its volatility.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lesson {
    pub(super) features: Features,
    pub(super) label: f64,
}

impl Lesson {
    pub(super) fn new(features: Features, label: f64) -> Self {
        let label = clip(label);
        Self { features, label }
    }
}

/// Sums of products of some rows: all that a linear fit with squared errors asks of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    /// Of features with features.
    pub(super) gram: [[f64; WIDTH]; WIDTH],
    /// Of features with labels.
    pub(super) cross: [f64; WIDTH],
    /// Rows.
    pub(super) rows: usize,
}

impl Moments {
    fn with(mut self, lesson: &Lesson) -> Self {
        for (row, a) in self.gram.iter_mut().zip(lesson.features) {
            for (sum, b) in row.iter_mut().zip(lesson.features) {
                *sum += a * b;
            }
        }
        for (sum, a) in self.cross.iter_mut().zip(lesson.features) {
            *sum += a * lesson.label;
        }
        self.rows += 1;
        self
    }

    /// Of these rows alone.
    pub(super) fn of(lessons: &[Lesson]) -> Self {
        let add = |sums: Self, lesson| sums.with(lesson);
        lessons.iter().fold(Self::default(), add)
    }

    /// Root mean square of each feature, by which it is standardised; 1 for one that is always 0. Not
    /// centred: with its mean a feature would bring the intercept back.
    pub(super) fn scales(&self) -> Features {
        let rows = self.rows.max(1) as f64;
        std::array::from_fn(|k| {
            let scale = (self.gram[k][k] / rows).sqrt();
            if scale > 1e-9 { scale } else { 1.0 }
        })
    }
}

/// All lessons so far, in order of time, with the moments after each: a refit costs the same however
/// long the history is.
#[derive(Clone, Debug, Default)]
pub(super) struct Lessons {
    rows: Vec<Lesson>,
    moments: Vec<Moments>,
}

/// The first so many lessons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) rows: &'a [Lesson],
    pub(super) moments: &'a Moments,
}

impl Lessons {
    pub(super) fn push(&mut self, lesson: Lesson) {
        let before = self.moments.last().copied().unwrap_or_default();
        self.moments.push(before.with(&lesson));
        self.rows.push(lesson);
    }

    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first `count` lessons; none when there are none.
    pub(super) fn first(&self, count: usize) -> Option<Known<'_>> {
        let rows = self.rows.get(..count)?;
        let moments = self.moments.get(count.checked_sub(1)?)?;
        Some(Known { rows, moments })
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn moments_grow_by_the_lesson() {
        let lessons = [
            Lesson::new([1.0, 0.0, 2.0, 0.0, 0.0], 9.0),
            Lesson::new([3.0, 0.0, -2.0, 0.0, 1.0], -1.0),
        ];
        let mut kept = Lessons::default();
        assert!(kept.first(0).is_none());
        for lesson in lessons {
            kept.push(lesson);
        }
        let known = kept.first(2).expect("two");
        assert_eq!(*known.moments, Moments::of(&lessons));
        // A label beyond 4 is held there.
        assert_eq!(known.moments.cross, [4.0 - 3.0, 0.0, 8.0 + 2.0, 0.0, -1.0]);
        assert_eq!(known.moments.gram[0], [10.0, 0.0, -4.0, 0.0, 3.0]);
        let scales = known.moments.scales();
        assert!((scales[0] - 5.0_f64.sqrt()).abs() < 1e-15);
        assert!((scales[1] - 1.0).abs() < f64::EPSILON);
        assert_eq!(kept.first(1).map(|known| known.rows.len()), Some(1));
        assert!(kept.first(3).is_none());
    }
}
