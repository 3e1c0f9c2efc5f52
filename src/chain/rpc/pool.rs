//! Asking one endpoint after the other, and none of them for too long.

use std::sync::{Arc, atomic::Ordering};

use super::{Rpc, endpoint::Endpoint, failure::Failure, race::Race};
use crate::{chain::ChainError, types::Height};

impl Rpc {
    /// Asks until one gives a result that `objection` has nothing against.
    pub(super) async fn ask<T, F>(
        &self,
        method: &str,
        order: Vec<Arc<Endpoint>>,
        call: impl Fn(Arc<Endpoint>) -> F,
        objection: impl Fn(&Endpoint, &T) -> Option<String>,
    ) -> Result<T, ChainError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut refused = None;
        let (mut tried, mut behind) = (Vec::new(), Vec::new());
        let mut race = self.race(order, call);
        while let Some((endpoint, answer)) = race.next().await {
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
        Err(refused.unwrap_or_else(|| self.nobody(tried, behind)))
    }

    pub(super) fn race<T, C, F>(&self, order: Vec<Arc<Endpoint>>, call: C) -> Race<T, C>
    where
        T: Send + 'static,
        C: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        Race::new(order, self.hedge_after, call)
    }

    /// The endpoints that may be asked, from the `first` on; those that failed or are behind stand
    /// after the others.
    pub(super) fn order(&self, first: usize) -> Vec<Arc<Endpoint>> {
        let count = self.endpoints.len();
        let turned = (0..count).map(|step| &self.endpoints[first.wrapping_add(step) % count]);
        let mut order: Vec<_> = turned
            .map(|endpoint| (endpoint.known(), Arc::clone(endpoint)))
            .filter(|(health, _)| !health.is_shut_out)
            .collect();
        order.sort_by_key(|(health, _)| health.is_last_resort());
        order.into_iter().map(|(_, endpoint)| endpoint).collect()
    }

    /// The order for questions.
    pub(super) fn preferred(&self) -> Vec<Arc<Endpoint>> {
        self.order(self.preferred.load(Ordering::Relaxed))
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
