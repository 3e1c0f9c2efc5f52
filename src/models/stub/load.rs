//! How many stubs read the past at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Calls from this size on are counted, bytes: a month of hourly prices is larger, a tick is far smaller.
const LARGE: usize = 16 << 10;

/// Counts the large calls that stubs have in hand at the same time. Several stubs may share it.
#[derive(Debug, Default)]
pub struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// A call that is in hand.
#[derive(Debug)]
pub(super) struct InHand(Arc<Load>);

impl Load {
    /// The most that were in hand at the same time.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// How many there were in all.
    #[must_use]
    pub fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Takes a call in hand until the value is dropped; none when it is small.
    pub(super) fn take(self: &Arc<Self>, size: usize) -> Option<InHand> {
        (size >= LARGE).then(|| {
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(now, Ordering::Relaxed);
            self.all.fetch_add(1, Ordering::Relaxed);
            InHand(Arc::clone(self))
        })
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_at_once_is_kept() {
        let load = Arc::new(Load::default());
        assert!(load.take(LARGE - 1).is_none());
        let first = load.take(LARGE);
        let second = load.take(LARGE);
        drop((first, second));
        let third = load.take(LARGE);
        assert_eq!((load.most(), load.all()), (2, 3));
        drop(third);
    }
}
