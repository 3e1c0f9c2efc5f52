//! Who is asked, in which order.

use std::sync::Arc;

use super::endpoint::Endpoint;

/// What an order depends on, of one endpoint.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known or not, by itself"
)]
pub(super) struct Standing {
    /// Its breaker is open.
    pub(super) is_open: bool,
    /// It named another chain.
    pub(super) is_foreign: bool,
    /// It failed last, or is behind.
    pub(super) is_last_resort: bool,
    /// Transactions that went to it led nowhere.
    pub(super) is_doubted: bool,
}

/// Places in the pool: those that are asked one after the other, and those that are asked when all of
/// them have failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) asked: Vec<usize>,
    pub(super) reserve: Vec<usize>,
}

/// Orders the endpoints from the `first` on. One that answers comes before one that does not, though
/// transactions that it was given led nowhere: it can tell why. One that rests is asked after all others
/// have failed. When none is left that does not rest and is not doubted, all are asked: a window may be
/// open.
pub(super) fn choose(all: &[Standing], first: usize) -> Places {
    let count = all.len();
    let turned = (0..count).map(|step| first.wrapping_add(step) % count);
    let (mut own, foreign): (Vec<_>, Vec<_>) = turned.partition(|&at| !all[at].is_foreign);
    if own.is_empty() {
        // Each has to name its chain before anything else is asked of it.
        return Places {
            asked: foreign,
            reserve: Vec::new(),
        };
    }
    own.sort_by_key(|&at| {
        let it = &all[at];
        (it.is_open, it.is_last_resort, it.is_doubted)
    });
    let is_good = |&at: &usize| !all[at].is_doubted && !all[at].is_open;
    if !own.iter().any(is_good) {
        return Places {
            asked: own,
            reserve: Vec::new(),
        };
    }
    let (reserve, asked) = own.into_iter().partition(|&at| all[at].is_open);
    Places { asked, reserve }
}

/// The endpoints for one question.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// One after the other.
    pub(super) asked: Vec<Arc<Endpoint>>,
    /// When all of those have failed, or let wait for long.
    pub(super) reserve: Vec<Arc<Endpoint>>,
}

impl Order {
    /// Only those that are fit for a question.
    pub(super) fn of(mut self, is_fit: impl Fn(&Endpoint) -> bool) -> Self {
        self.asked.retain(|it| is_fit(it));
        self.reserve.retain(|it| is_fit(it));
        if self.asked.is_empty() {
            self.asked = std::mem::take(&mut self.reserve);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn standing() -> impl Strategy<Value = Standing> {
        any::<[bool; 4]>().prop_map(
            |[is_open, is_foreign, is_last_resort, is_doubted]| Standing {
                is_open,
                is_foreign,
                is_last_resort,
                is_doubted,
            },
        )
    }

    proptest! {
        #[test]
        fn someone_is_always_asked_and_nobody_twice(
            all in vec(standing(), 1..6), first in any::<usize>(),
        ) {
            let places = choose(&all, first);
            prop_assert!(!places.asked.is_empty());
            let mut both = [places.asked, places.reserve].concat();
            both.sort_unstable();
            let own: Vec<_> = (0..all.len()).filter(|&at| !all[at].is_foreign).collect();
            let expected = if own.is_empty() { (0..all.len()).collect() } else { own };
            prop_assert_eq!(both, expected);
        }

        #[test]
        fn an_open_one_is_never_asked_while_a_closed_one_may_do(
            all in vec(standing(), 1..6), first in any::<usize>(),
        ) {
            let places = choose(&all, first);
            let may_do = |it: &Standing| !it.is_open && !it.is_foreign && !it.is_doubted;
            if all.iter().any(may_do) {
                prop_assert!(places.asked.iter().all(|&at| !all[at].is_open));
            }
            let answers = |it: &Standing| !it.is_open && !it.is_last_resort;
            if all.iter().any(|it| answers(it) && !it.is_foreign) {
                prop_assert!(answers(&all[places.asked[0]]));
            }
        }
    }

    fn closed() -> Standing {
        Standing::default()
    }

    #[test]
    fn the_first_leads_and_one_that_failed_follows() {
        let failed = Standing {
            is_last_resort: true,
            ..closed()
        };
        assert_eq!(choose(&[closed(), closed(), failed], 2).asked, [0, 1, 2]);
        assert_eq!(choose(&[closed(), closed(), closed()], 1).asked, [1, 2, 0]);
    }

    #[test]
    fn where_all_closed_ones_led_nowhere_an_open_one_is_asked_after_them_without_a_long_wait() {
        let doubted = Standing {
            is_doubted: true,
            ..closed()
        };
        let open = Standing {
            is_open: true,
            ..closed()
        };
        let places = choose(&[doubted, open, doubted], 0);
        assert_eq!((places.asked, places.reserve), (vec![0, 2, 1], vec![]));
        let failed = Standing {
            is_last_resort: true,
            ..closed()
        };
        assert_eq!(choose(&[failed, doubted], 0).asked, [1, 0]);
        let places = choose(&[closed(), open, doubted], 1);
        assert_eq!((places.asked, places.reserve), (vec![0, 2], vec![1]));
    }
}
