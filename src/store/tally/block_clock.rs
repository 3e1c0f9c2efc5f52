//! When a block was, and which block is now, from the heights whose time is known.

use time::{Duration, OffsetDateTime};

/// A height and when the chain had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The block.
    pub height: i64,
    /// When.
    pub at: OffsetDateTime,
}

/// Times of blocks: between two marks by their distance, beyond them by the nearest marks' pace.
#[derive(Clone, Debug, Default)]
pub struct BlockClock {
    /// Ascending in height and in time.
    marks: Vec<Mark>,
}

/// How far back marks tell the present pace.
const NEAR: Duration = Duration::hours(24);
/// Marks nearer to each other tell no pace: what wrote them was seconds late.
const LEAST: Duration = Duration::seconds(5);

impl BlockClock {
    /// Of these marks, in any order. One that contradicts an earlier one is left out.
    #[must_use]
    pub fn new(mut marks: Vec<Mark>) -> Self {
        marks.sort_by_key(|mark| (mark.height, mark.at));
        let mut kept: Vec<Mark> = Vec::with_capacity(marks.len());
        for mark in marks {
            let fits = kept
                .last()
                .is_none_or(|last| mark.height > last.height && mark.at > last.at);
            if fits {
                kept.push(mark);
            }
        }
        Self { marks: kept }
    }

    /// The newest mark.
    #[must_use]
    pub fn newest(&self) -> Option<Mark> {
        self.marks.last().copied()
    }

    /// Seconds from block to block of late; none while too little is known.
    #[must_use]
    pub fn block_seconds(&self) -> Option<f64> {
        let last = self.marks.last()?;
        let from = self.marks.partition_point(|it| it.at < last.at - NEAR);
        let near = self.marks.get(from).filter(|it| last.at - it.at >= LEAST);
        let before = from.checked_sub(1).and_then(|index| self.marks.get(index));
        pace(near.or(before)?, last)
    }

    /// When a block was, or will be.
    #[must_use]
    pub fn at(&self, height: i64) -> Option<OffsetDateTime> {
        let next = self.marks.partition_point(|mark| mark.height < height);
        if let Some(mark) = self.marks.get(next).filter(|it| it.height == height) {
            return Some(mark.at);
        }
        let (from, seconds) = match (next.checked_sub(1), self.marks.get(next)) {
            (Some(before), Some(after)) => {
                let before = &self.marks[before];
                (*before, pace(before, after)?)
            }
            (Some(before), None) => (self.marks[before], self.block_seconds()?),
            (None, first) => (*first?, self.first_pace()?),
        };
        let away = Duration::seconds_f64((height - from.height) as f64 * seconds);
        from.at.checked_add(away)
    }

    /// The chain's height at a time after the newest mark.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a number of blocks")]
    pub fn height(&self, at: OffsetDateTime) -> Option<i64> {
        let last = self.newest()?;
        if at <= last.at {
            return Some(last.height);
        }
        let blocks = (at - last.at).as_seconds_f64() / self.block_seconds()?;
        Some(last.height.saturating_add(blocks as i64))
    }

    fn first_pace(&self) -> Option<f64> {
        let first = self.marks.first()?;
        let far = self.marks.iter().find(|it| it.at - first.at >= NEAR);
        let far = far.or(self.marks.last())?;
        pace(first, far).filter(|_| far.at - first.at >= LEAST)
    }
}

fn pace(from: &Mark, to: &Mark) -> Option<f64> {
    let blocks = to.height - from.height;
    (blocks > 0).then(|| (to.at - from.at).as_seconds_f64() / blocks as f64)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);

    fn mark(height: i64, seconds: i64) -> Mark {
        Mark {
            height,
            at: START + Duration::seconds(seconds),
        }
    }

    #[test]
    fn between_and_beyond_marks() {
        let clock = BlockClock::new(vec![mark(200, 500), mark(100, 0), mark(300, 700)]);
        assert_eq!(clock.at(150), Some(mark(150, 250).at));
        assert_eq!(clock.at(250), Some(mark(250, 600).at));
        assert_eq!(clock.at(300), Some(mark(300, 700).at));
        // 700 s for 200 blocks in the last day.
        assert_eq!(clock.at(400), Some(mark(400, 1050).at));
        assert_eq!(clock.at(0), Some(mark(0, -350).at));
        assert_eq!(clock.height(mark(0, 1050).at), Some(400));
        assert_eq!(clock.height(mark(0, 600).at), Some(300), "not before");
    }

    #[test]
    fn what_contradicts_is_left_out_and_too_little_tells_nothing() {
        let clock = BlockClock::new(vec![mark(100, 0), mark(105, 90), mark(110, 50)]);
        assert_eq!(clock.newest(), Some(mark(105, 90)));
        let alone = BlockClock::new(vec![mark(100, 0)]);
        assert_eq!(alone.at(101), None);
        assert_eq!(alone.at(100), Some(START));
        assert_eq!(BlockClock::default().height(START), None);
        let close = BlockClock::new(vec![mark(100, 0), mark(101, 1)]);
        assert_eq!(close.block_seconds(), None);
    }
}
