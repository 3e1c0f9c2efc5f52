//! Asking one endpoint after the other, and none of them for too long.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Rpc,
    choice::{self, Order},
    endpoint::Endpoint,
    failure::Failure,
    latency::Kind,
    race::Race,
};
use crate::{chain::ChainError, types::Height};

impl Rpc {
    /// Asks until one gives a result that `objection` has nothing against.
    pub(super) async fn ask<T, F>(
        &self,
        (kind, method): (Kind, &str),
        order: Order,
        call: impl Fn(Arc<Endpoint>) -> F,
        objection: impl Fn(&Endpoint, &T) -> Option<String>,
    ) -> Result<T, ChainError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut refused = None;
        let (mut tried, mut behind) = (Vec::new(), Vec::new());
        let mut race = self.race(kind, order, call);
        // Where a node has refused, those that rest are not asked as well.
        while refused.is_none() || race.has_more() {
            let Some((endpoint, answer)) = race.next().await else {
                break;
            };
            let name = &endpoint.name;
            match answer {
                Ok(result) => {
                    if let Some(cause) = objection(&endpoint, &result) {
                        behind.push(format!("{name}: {cause}"));
                        continue;
                    }
                    if let Some(index) = self.index(&endpoint).filter(|_| refused.is_none()) {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    self.shared.count(kind, race.is_hedged());
                    return Ok(result);
                }
                Err(Failure {
                    error: Some(error), ..
                }) => {
                    refused.get_or_insert(ChainError::Rpc {
                        endpoint: name.clone(),
                        method: method.to_owned(),
                        error,
                    });
                }
                Err(failure) => tried.push(failure.to_string()),
            }
        }
        self.shared.count(kind, race.is_hedged());
        Err(refused.unwrap_or_else(|| self.nobody(tried, behind)))
    }

    pub(super) fn race<T, C, F>(&self, kind: Kind, order: Order, call: C) -> Race<T, C>
    where
        T: Send + 'static,
        C: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let well = order
            .asked
            .iter()
            .filter_map(|endpoint| endpoint.usual(kind));
        let delay = self.hedge.delay(well);
        Race::new(order, delay, self.hedge.most, call)
    }

    /// The endpoints in the order in which they are asked, from the `first` on. Whether they are doubted
    /// counts for transactions alone.
    pub(super) fn order(&self, first: usize, minds_doubts: bool) -> Order {
        let mut standings: Vec<_> = self.endpoints.iter().map(|it| it.standing()).collect();
        for standing in &mut standings {
            standing.is_doubted &= minds_doubts;
        }
        let places = choice::choose(&standings, first);
        let named = |places: Vec<usize>| {
            let endpoints = places.into_iter().map(|at| Arc::clone(&self.endpoints[at]));
            endpoints.collect()
        };
        Order {
            asked: named(places.asked),
            reserve: named(places.reserve),
        }
    }

    /// The order for questions.
    pub(super) fn preferred(&self) -> Order {
        self.order(self.preferred.load(Ordering::Relaxed), false)
    }

    /// The order for transactions.
    pub(super) fn for_transactions(&self) -> Order {
        self.order(self.pinned.load(Ordering::Relaxed), true)
    }

    pub(super) fn index(&self, endpoint: &Arc<Endpoint>) -> Option<usize> {
        self.endpoints
            .iter()
            .position(|it| Arc::ptr_eq(it, endpoint))
    }

    /// The error when nobody gave an answer that counts.
    pub(super) fn nobody(&self, mut tried: Vec<String>, mut behind: Vec<String>) -> ChainError {
        if behind.is_empty() {
            return ChainError::Unreachable { tried };
        }
        behind.append(&mut tried);
        let head = self.shared.head();
        ChainError::Behind {
            head,
            tried: behind,
        }
    }

    /// The height that a node must have reached to be believed.
    pub(super) fn least(&self) -> Height {
        self.shared.head().plus(-super::health::TOLERATED_LAG)
    }
}
