//! Folding what is told into what is known: the chain's nodes.

use super::{
    Endpoint, Moment, Vitals,
    hear::{MOST, cut},
};
use crate::ops::{EndpointGauge, Event, GaugeEvent};

impl Vitals {
    pub(super) fn hear_nodes(&mut self, at: Moment, event: &Event) {
        match event {
            Event::WebsocketConnected { endpoint } => {
                let socket = &mut self.socket;
                (socket.is_connected, socket.since) = (true, at);
                socket.endpoint.clone_from(endpoint);
            }
            Event::WebsocketLost {
                endpoint, cause, ..
            } => {
                let socket = &mut self.socket;
                if socket.is_connected || socket.since.0.is_none() {
                    (socket.is_connected, socket.since) = (false, at);
                    socket.losses += 1;
                }
                socket.endpoint.clone_from(endpoint);
                socket.cause = cut(cause);
            }
            Event::NodeTrouble { endpoint, cause } => self.fares(at, endpoint, Some(cause)),
            Event::NodeWell { endpoint, .. } => self.fares(at, endpoint, None),
            Event::Gauge(GaugeEvent::Head { height, block_ms }) => {
                let head = &mut self.head;
                (head.height, head.heard) = (Some(*height), at);
                head.block_ms = Some(*block_ms);
                self.expect();
            }
            Event::Gauge(GaugeEvent::Endpoints { endpoints }) => self.read_endpoints(at, endpoints),
            _ => {}
        }
    }

    /// The pool's own list replaces what was told of single endpoints.
    fn read_endpoints(&mut self, at: Moment, endpoints: &[EndpointGauge]) {
        let before = std::mem::take(&mut self.endpoints);
        let read = |gauge: &EndpointGauge| {
            let same = before.iter().find(|it| it.endpoint == gauge.endpoint);
            let since = same.filter(|it| it.is_healthy == gauge.is_healthy);
            Endpoint {
                endpoint: gauge.endpoint.clone(),
                is_healthy: gauge.is_healthy,
                since: since.map_or(at, |it| it.since),
                cause: gauge.cause.as_deref().map(cut),
                is_pinned: gauge.is_pinned,
                height: gauge.height,
                lag: gauge.lag,
                latency_ms: gauge.latency_ms,
                failures: gauge.failures,
            }
        };
        self.endpoints = endpoints.iter().take(MOST).map(read).collect();
    }

    fn fares(&mut self, at: Moment, name: &str, cause: Option<&String>) {
        let known = self.endpoints.iter().position(|it| it.endpoint == name);
        if known.is_none() && self.endpoints.len() < MOST {
            self.endpoints.push(Endpoint {
                endpoint: name.to_owned(),
                ..Endpoint::default()
            });
        }
        let place = known.unwrap_or(self.endpoints.len().saturating_sub(1));
        let found = self.endpoints.get_mut(place);
        let Some(endpoint) = found.filter(|it| it.endpoint == name) else {
            return;
        };
        if endpoint.is_healthy != cause.is_none() || endpoint.since.0.is_none() {
            endpoint.since = at;
        }
        endpoint.is_healthy = cause.is_none();
        endpoint.cause = cause.map(|cause| cut(cause));
    }
}
