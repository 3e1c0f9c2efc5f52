//! Begins and ends faults with the chain's beats, and notes what each of them met.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{ChainEffects, Effects, Fault, Order, RandomFaults, Scope, When};

/// What the chain is about to do.
#[derive(Clone, Debug, Default)]
pub(in crate::devnet) struct Beat {
    /// The height of the block that is due.
    pub(in crate::devnet) height: i64,
    /// Nonces of windows that are open now, of all topics.
    pub(in crate::devnet) open: Vec<(u64, i64)>,
    /// The height at which the first topic's next window is told to open.
    pub(in crate::devnet) next_opening: Option<i64>,
    /// The first topic's newest nonce.
    pub(in crate::devnet) last_opening: Option<i64>,
}

/// What begins or ends, told as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// The block that it happens before.
    pub height: i64,
    /// The fault's number.
    pub id: u64,
    /// Whether it begins; else it ends.
    pub begins: bool,
    /// The order.
    #[serde(flatten)]
    pub order: Order,
}

/// A fault that was played, and what it met.
#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    /// Its number.
    pub id: u64,
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// The block before which it began.
    pub since: i64,
    /// Whether it still holds.
    pub active: bool,
    /// The windows, as topic and nonce, that were open while it held.
    pub windows: BTreeSet<(u64, i64)>,
}

struct Active {
    id: u64,
    order: Order,
    left: u32,
}

/// Played faults that are remembered.
const REMEMBERED: usize = 10_000;

/// Plays orders.
#[derive(Default)]
pub(in crate::devnet) struct Director {
    waiting: Vec<(Order, Option<i64>)>,
    active: Vec<Active>,
    hits: BTreeMap<u64, Hit>,
    random: Option<RandomFaults>,
    beats: u64,
    windows: u64,
    /// The newest opening that was counted, or is due.
    counted: Option<i64>,
    next_id: u64,
}

impl Director {
    /// Adds orders to what is to be played.
    pub(in crate::devnet) fn add(&mut self, orders: impl IntoIterator<Item = Order>) {
        self.waiting
            .extend(orders.into_iter().map(|order| (order, None)));
    }

    /// Plays random faults from the next window on.
    pub(in crate::devnet) fn play_random(&mut self, random: Option<RandomFaults>) {
        self.random = random;
    }

    /// What was played and what waits.
    pub(in crate::devnet) fn report(&self) -> (Vec<Hit>, Vec<Order>) {
        let waiting = self.waiting.iter().map(|(order, _)| order.clone());
        (self.hits.values().cloned().collect(), waiting.collect())
    }

    /// Ends what ends and begins what begins before a block.
    pub(in crate::devnet) fn advance(&mut self, beat: &Beat) -> Vec<News> {
        let mut news = Vec::new();
        self.end_what_is_over(beat, &mut news);
        self.beats += 1;
        self.count_windows(beat);
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain_mut(|(order, fired)| {
            let Some((at, again)) = self.due(order, *fired, beat) else {
                return true;
            };
            *fired = Some(at);
            self.begin(order.clone(), beat, &mut news);
            again
        });
        self.waiting.extend(waiting);
        for active in &self.active {
            if let Some(hit) = self.hits.get_mut(&active.id) {
                hit.windows.extend(&beat.open);
            }
        }
        news
    }

    /// Whether no block comes now.
    pub(in crate::devnet) fn halted(&self) -> bool {
        self.active.iter().any(|active| active.order.fault.halts())
    }

    /// A window of some topic opened while these faults hold.
    pub(in crate::devnet) fn note_opening(&mut self, window: (u64, i64)) {
        for active in &self.active {
            if let Some(hit) = self.hits.get_mut(&active.id) {
                hit.windows.insert(window);
            }
        }
    }

    /// The faults that hold on an endpoint (from 0 on).
    pub(in crate::devnet) fn effects(&self, endpoint: usize) -> Effects {
        Effects::of(self.on(endpoint))
    }

    /// The faults that hold on the chain.
    pub(in crate::devnet) fn chain_effects(&self) -> ChainEffects {
        ChainEffects::of(self.of(Scope::Chain))
    }

    /// The faults that hold on the prices.
    pub(in crate::devnet) fn of_prices(&self) -> Vec<Fault> {
        self.of(Scope::Prices).cloned().collect()
    }

    /// Whether something impairs an endpoint, or the chain and with it all endpoints.
    pub(in crate::devnet) fn impaired(&self, endpoint: usize) -> bool {
        let of_chain = self.of(Scope::Chain);
        self.on(endpoint).chain(of_chain).any(Fault::impairs)
    }

    /// The kinds of all that holds.
    pub(in crate::devnet) fn kinds(&self) -> impl Iterator<Item = String> + '_ {
        self.active
            .iter()
            .map(|active| match active.order.endpoint {
                Some(endpoint) => format!("{} at {endpoint}", active.order.fault.kind()),
                None => active.order.fault.kind(),
            })
    }

    fn of(&self, scope: Scope) -> impl Iterator<Item = &Fault> {
        let faults = self.active.iter().map(|active| &active.order.fault);
        faults.filter(move |fault| fault.scope() == scope)
    }

    fn on(&self, endpoint: usize) -> impl Iterator<Item = &Fault> {
        self.active
            .iter()
            .filter(move |active| active.order.endpoint.is_none_or(|it| it == endpoint + 1))
            .map(|active| &active.order.fault)
            .filter(|fault| fault.scope() == Scope::Endpoint)
    }

    fn end_what_is_over(&mut self, beat: &Beat, news: &mut Vec<News>) {
        for active in &mut self.active {
            active.left = active.left.saturating_sub(1);
        }
        let over = self.active.extract_if(.., |active| active.left == 0);
        for active in over {
            if let Some(hit) = self.hits.get_mut(&active.id) {
                hit.active = false;
            }
            news.push(News {
                height: beat.height,
                id: active.id,
                begins: false,
                order: active.order,
            });
        }
    }

    /// Counts a window as soon as its opening can be foreseen, and asks for its random faults then.
    fn count_windows(&mut self, beat: &Beat) {
        // Long enough ahead for what begins before the opening.
        const AHEAD: i64 = 2;
        let foreseen = beat.next_opening.filter(|at| at - beat.height <= AHEAD);
        let Some(at) = foreseen.filter(|at| self.counted.is_none_or(|last| *at > last)) else {
            return;
        };
        self.counted = Some(at);
        self.windows += 1;
        let window = self.windows;
        if let Some(random) = &mut self.random {
            let orders = random.of_window(window);
            self.add(orders);
        }
    }

    /// The place at which an order is due now, and whether it may be due again.
    fn due(&self, order: &Order, fired: Option<i64>, beat: &Beat) -> Option<(i64, bool)> {
        match order.at {
            When::Now => Some((beat.height, false)),
            When::Block(block) => (self.beats >= block).then_some((beat.height, false)),
            When::Window { number, offset } => {
                let next = self.counted.map(|at| (at, self.windows));
                let last = beat.last_opening.map(|at| {
                    let ahead = self.counted.is_some_and(|counted| counted > at);
                    (at, self.windows - u64::from(ahead))
                });
                let due = [next, last].into_iter().flatten().find(|(at, window)| {
                    number.is_none_or(|number| number == *window)
                        && beat.height == at + offset
                        && fired != Some(*at)
                });
                due.map(|(at, _)| (at, number.is_none()))
            }
        }
    }

    fn begin(&mut self, order: Order, beat: &Beat, news: &mut Vec<News>) {
        self.next_id += 1;
        let id = self.next_id;
        self.hits.insert(
            id,
            Hit {
                id,
                order: order.clone(),
                since: beat.height,
                active: true,
                windows: BTreeSet::new(),
            },
        );
        if self.hits.len() > REMEMBERED {
            self.hits.pop_first();
        }
        news.push(News {
            height: beat.height,
            id,
            begins: true,
            order: order.clone(),
        });
        let left = order.blocks.max(1);
        self.active.push(Active { id, order, left });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain with windows of 4 blocks at the multiples of 10.
    fn beat(height: i64) -> Beat {
        let last = (height - 1).div_euclid(10) * 10;
        Beat {
            height,
            open: (height <= last + 4)
                .then_some((67, last))
                .into_iter()
                .collect(),
            next_opening: Some(last + 10),
            last_opening: (last > 100).then_some(last),
        }
    }

    fn order(at: &str, blocks: u32, fault: Fault) -> Order {
        Order {
            at: at.parse().expect("a time"),
            endpoint: None,
            blocks,
            fault,
        }
    }

    fn played(orders: Vec<Order>, heights: std::ops::RangeInclusive<i64>) -> Vec<(i64, bool)> {
        let mut director = Director::default();
        director.add(orders);
        heights
            .flat_map(|height| director.advance(&beat(height)))
            .map(|news| (news.height, news.begins))
            .collect()
    }

    #[test]
    fn a_fault_holds_for_its_blocks() {
        let news = played(vec![order("3", 2, Fault::Silence)], 101..=120);
        assert_eq!(news, [(103, true), (105, false)]);
    }

    #[test]
    fn a_fault_comes_with_each_window_or_with_one() {
        let each = played(vec![order("window+2", 1, Fault::Silence)], 101..=135);
        assert_eq!(
            each,
            [
                (112, true),
                (113, false),
                (122, true),
                (123, false),
                (132, true),
                (133, false)
            ]
        );
        let second = played(vec![order("window 2-1", 3, Fault::Silence)], 101..=135);
        assert_eq!(second, [(119, true), (122, false)]);
    }

    #[test]
    fn it_is_noted_which_windows_were_open() {
        let mut director = Director::default();
        director.add([
            order("window 1+3", 2, Fault::Silence),
            order("window 1+6", 2, Fault::Evict),
        ]);
        for height in 101..=125 {
            director.advance(&beat(height));
        }
        let windows = |id| director.hits[&id].windows.clone();
        assert_eq!(windows(1), BTreeSet::from([(67, 110)]));
        assert_eq!(windows(2), BTreeSet::new());
    }

    #[test]
    fn one_endpoint_is_struck_or_all() {
        let mut director = Director::default();
        let mut one = order("1", 5, Fault::BadGateway);
        one.endpoint = Some(2);
        director.add([one]);
        director.advance(&beat(101));
        assert!(!director.impaired(0) && director.impaired(1));
        assert!(director.effects(1).answer.is_some());
        director.add([order("now", 1, Fault::Halt)]);
        director.advance(&beat(102));
        assert!(director.impaired(0) && director.halted());
        director.advance(&beat(102));
        assert!(!director.halted());
    }
}
