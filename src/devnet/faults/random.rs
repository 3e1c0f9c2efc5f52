//! Faults drawn by lot: the same for the same seed.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use super::{Fault, Order, When, fault::codes};

/// Deals faults to windows. All kinds go round: none comes a second time before each has come once.
#[derive(Clone, Debug)]
pub struct RandomFaults {
    rng: StdRng,
    deck: Vec<Fault>,
    endpoints: usize,
    window: i64,
    without_prices: bool,
}

/// A fault of each kind.
#[must_use]
pub fn all_kinds() -> Vec<Fault> {
    let mut all = vec![
        Fault::DropSockets,
        Fault::Silence,
        Fault::RefuseSubscribes,
        Fault::DelaySubscribes { ms: 300 },
        Fault::EventsTwice,
        Fault::EventsLate { blocks: 3 },
        Fault::EventsNever,
        Fault::StaleHeights { blocks: 3 },
        Fault::StaleSequences { blocks: 14 },
        Fault::TooManyRequests,
        Fault::ServerError,
        Fault::BadGateway,
        Fault::Truncate,
        Fault::TimeOut,
        Fault::Slow { ms: 300 },
        Fault::CatchingUp,
        Fault::IndexerOff,
        Fault::IndexerBehind { blocks: 3 },
        Fault::AnotherChain,
        Fault::BlackHole,
        Fault::Evict,
        Fault::Hold { blocks: 3 },
        Fault::GasPrice { times: 3 },
        Fault::Halt,
        Fault::Upgrade,
        Fault::PricesUnauthorized,
        Fault::PricesTooMany,
        Fault::PricesServerError,
        Fault::PricesEmpty,
        Fault::PricesLate,
        Fault::PricesUnordered,
        Fault::PricesZero,
    ];
    let own = |(codespace, code): (&str, u32)| (codespace.to_owned(), code);
    all.extend(
        codes(true)
            .map(own)
            .map(|(codespace, code)| Fault::RefuseCheck { codespace, code }),
    );
    all.extend(
        codes(false)
            .map(own)
            .map(|(codespace, code)| Fault::RefuseInBlock { codespace, code }),
    );
    all
}

impl RandomFaults {
    /// For a chain with so many endpoints, whose windows are so many blocks long.
    #[must_use]
    pub fn new(seed: u64, endpoints: usize, window: i64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            deck: Vec::new(),
            endpoints: endpoints.max(1),
            window: window.max(1),
            without_prices: false,
        }
    }

    /// Leaves out the faults of prices: there is no server of prices.
    #[must_use]
    pub const fn without_prices(mut self) -> Self {
        self.without_prices = true;
        self
    }

    /// What befalls the window of this number: up to three faults.
    pub fn of_window(&mut self, number: u64) -> Vec<Order> {
        let count = [1, 1, 2, 2, 3][self.rng.random_range(0..5)];
        (0..count).flat_map(|_| self.one(number)).collect()
    }

    fn draw(&mut self) -> Fault {
        loop {
            if let Some(fault) = self.deck.pop() {
                return fault;
            }
            self.deck = all_kinds();
            if self.without_prices {
                self.deck
                    .retain(|fault| fault.scope() != super::Scope::Prices);
            }
            self.deck.shuffle(&mut self.rng);
        }
    }

    fn one(&mut self, number: u64) -> Vec<Order> {
        let fault = self.draw();
        let at = |offset| When::Window {
            number: Some(number),
            offset,
        };
        let of_endpoint = fault.scope() == super::Scope::Endpoint;
        let everywhere = of_endpoint && self.rng.random_range(0..4) == 0;
        let blocks = match &fault {
            Fault::Halt | Fault::Upgrade => self.rng.random_range(3..=10),
            // Prices are asked for once an hour, and in a season that is once a window.
            _ if fault.scope() == super::Scope::Prices => {
                let window = u32::try_from(self.window).unwrap_or(1);
                self.rng.random_range(2 * window..=4 * window)
            }
            // What strikes all at once is short, so that time is left in most windows.
            _ if everywhere || fault.scope() == super::Scope::Chain => self.rng.random_range(1..=4),
            _ => self.rng.random_range(2..=8),
        };
        let endpoint = self.rng.random_range(1..=self.endpoints);
        // A refusal in the block strikes an answer only where one comes.
        let latest = match &fault {
            Fault::RefuseInBlock { .. } | Fault::Evict | Fault::Hold { .. } => 1,
            Fault::RefuseCheck { .. } | Fault::BlackHole => 2,
            _ => self.window - 1,
        };
        let offset = self.rng.random_range(-1..=latest);
        let order = Order {
            at: at(offset),
            endpoint: (of_endpoint && !everywhere).then_some(endpoint),
            blocks,
            fault,
        };
        if order.fault != Fault::Upgrade {
            return vec![order];
        }
        // An upgrade needs something older to begin from, right after the window before.
        let order = Order {
            at: at(offset.max(2)),
            ..order
        };
        let back = Order {
            at: at(-1),
            endpoint: None,
            blocks: 2,
            fault: Fault::RollBack,
        };
        vec![back, order]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn season(seed: u64, windows: u64) -> Vec<Order> {
        let mut random = RandomFaults::new(seed, 3, 10);
        (1..=windows)
            .flat_map(|window| random.of_window(window))
            .collect()
    }

    #[test]
    fn the_same_seed_deals_the_same_faults() {
        assert_eq!(season(7, 200), season(7, 200));
        assert_ne!(season(7, 200), season(8, 200));
    }

    #[test]
    fn faults_of_prices_hold_for_some_windows_each() {
        let of_prices = |order: &&Order| order.fault.scope() == super::super::Scope::Prices;
        let season = season(1, 2_160);
        let mut orders = season.iter().filter(of_prices);
        assert!(orders.all(|it| (20..=40).contains(&it.blocks)));
    }

    #[test]
    fn every_kind_comes_often_in_a_whole_season() {
        let mut counts = BTreeMap::<String, usize>::new();
        for order in season(1, 2_160) {
            *counts.entry(order.fault.kind()).or_default() += 1;
        }
        for fault in all_kinds() {
            let count = counts.get(&fault.kind()).copied().unwrap_or_default();
            assert!(count >= 60, "{} comes {count} times", fault.kind());
        }
    }
}
