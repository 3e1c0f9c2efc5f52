//! When something was well.

use time::OffsetDateTime;

/// The turns between good and bad, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    turns: Vec<(OffsetDateTime, bool)>,
}

impl Track {
    /// Good from the beginning.
    pub(crate) const fn good() -> Self {
        Self { turns: Vec::new() }
    }

    /// Bad from the beginning.
    pub(crate) fn bad() -> Self {
        Self {
            turns: vec![(OffsetDateTime::UNIX_EPOCH, false)],
        }
    }

    /// From now on it is good, or is not.
    pub(crate) fn turn(&mut self, good: bool) {
        self.turn_at(OffsetDateTime::now_utc(), good);
    }

    /// From `at` on it is good, or is not.
    pub(crate) fn turn_at(&mut self, at: OffsetDateTime, good: bool) {
        self.turns.push((at, good));
        // Some are told of late.
        self.turns.sort_by_key(|(at, _)| *at);
    }

    /// Whether it was good all the time.
    pub(crate) fn covers(&self, from: OffsetDateTime, until: OffsetDateTime) -> bool {
        let before = self.turns.iter().rev().find(|(at, _)| *at <= from);
        let meanwhile = |(at, good): &(OffsetDateTime, bool)| !good && from < *at && *at < until;
        before.is_none_or(|(_, good)| *good) && !self.turns.iter().any(meanwhile)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn a_moment_of_trouble_breaks_it() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
        let mut track = Track::good();
        track.turn_at(at(20), true);
        track.turn_at(at(10), false);
        assert!(track.covers(at(1), at(10)) && track.covers(at(20), at(30)));
        assert!(!track.covers(at(9), at(11)) && !track.covers(at(11), at(12)));
        assert!(!track.covers(at(1), at(30)));
        assert!(!Track::bad().covers(at(1), at(2)));
    }
}
