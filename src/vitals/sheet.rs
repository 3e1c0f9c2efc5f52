//! Metrics in `OpenMetrics`' text, written one by one.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{BOUNDS_MS, Histogram, Moment, usage::Usage};
use crate::ops::Phase;

/// All that is collected, as text; each name begins with `prefix`.
pub(super) fn text_of(prefix: &str, collector: impl Collector) -> String {
    let mut registry = Registry::with_prefix(prefix);
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    // A String takes all that is written to it.
    let _ = encode(&mut text, &registry);
    text
}

pub(super) type Labels = Vec<(&'static str, String)>;
type Rows<'a> = Box<dyn Iterator<Item = (Labels, Option<f64>)> + 'a>;

/// Writes metrics one by one.
pub(super) struct Sheet<'a>(pub(super) DescriptorEncoder<'a>);

impl Sheet<'_> {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        let Some(value) = value else { return Ok(()) };
        let gauge = ConstGauge::new(value);
        let encoder = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge.encode(encoder)
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let encoder = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(encoder)
    }

    pub(super) fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl Iterator<Item = (Labels, Option<f64>)> + 'a,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, Box::new(rows))
    }

    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl Iterator<Item = (Labels, u64)> + 'a,
    ) -> fmt::Result {
        let rows = rows.map(|(labels, value)| (labels, Some(value as f64)));
        self.family(name, help, MetricType::Counter, Box::new(rows))
    }

    /// Sums that only grow and are no whole numbers.
    pub(super) fn amounts<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl Iterator<Item = (Labels, Option<f64>)> + 'a,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, Box::new(rows))
    }

    fn family(&mut self, name: &str, help: &str, of: MetricType, rows: Rows<'_>) -> fmt::Result {
        let mut rows = rows
            .filter_map(|(labels, value)| Some((labels, value?)))
            .peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let is_gauge = matches!(of, MetricType::Gauge);
        let mut family = self.0.encode_descriptor(name, help, None, of)?;
        for (labels, value) in rows {
            let row = family.encode_family(&labels)?;
            if is_gauge {
                ConstGauge::new(value).encode(row)?;
            } else {
                ConstCounter::new(value).encode(row)?;
            }
        }
        Ok(())
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, times: &Histogram) -> fmt::Result {
        let bounds = BOUNDS_MS.iter().map(|ms| ms / 1e3).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(times.counts).collect();
        let mut encoder = self
            .0
            .encode_descriptor(name, help, None, MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(times.sum_ms / 1e3, times.count, &buckets, None)
    }

    /// What the process does.
    pub(super) fn phase(&mut self, now: Option<Phase>) -> fmt::Result {
        let phases = PHASES.iter().map(|(phase, name)| {
            let is = now == Some(*phase);
            (vec![("phase", (*name).to_owned())], Some(flag(is)))
        });
        self.gauges("phase", "1 for what the worker does", phases)
    }

    /// What the process uses of its machine.
    pub(super) fn usage(&mut self, usage: &Usage) -> fmt::Result {
        let help = "Memory that the process holds";
        self.gauge("resident_memory_bytes", help, usage.memory)?;
        let help = "Time that the process has computed";
        self.counter("cpu_seconds", help, usage.cpu_seconds)?;
        let help = "Files and connections that are open";
        self.gauge("open_descriptors", help, usage.descriptors)
    }
}

const PHASES: [(Phase, &str); 8] = [
    (Phase::Starting, "starting"),
    (Phase::Waiting, "waiting"),
    (Phase::Standby, "standby"),
    (Phase::Ready, "ready"),
    (Phase::Restarting, "restarting"),
    (Phase::Failed, "failed"),
    (Phase::Stopping, "stopping"),
    (Phase::Stopped, "stopped"),
];

pub(super) fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

pub(super) fn seconds(at: Moment) -> Option<f64> {
    at.0.map(|at| at.unix_timestamp_nanos() as f64 / 1e9)
}
