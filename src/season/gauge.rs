//! The worker's memory over time.

use std::{fs, time::Instant};

/// Samples of a process's resident memory.
#[derive(Clone, Debug)]
pub struct Gauge {
    begun: Instant,
    /// Seconds since the start, and MiB.
    samples: Vec<(f64, f64)>,
    peak: f64,
}

/// Memory over a season.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The most that was ever resident, MiB.
    pub peak: f64,
    /// The mean of all samples, MiB.
    pub mean: f64,
    /// By how much it grew, MiB a second.
    pub slope: f64,
    /// How often it was looked at.
    pub samples: usize,
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            samples: Vec::new(),
            peak: 0.0,
        }
    }
}

impl Gauge {
    /// Looks at a process. One that is gone adds nothing.
    pub fn look(&mut self, pid: u32) {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
            return;
        };
        if let (Some(now), Some(peak)) = (field(&status, "VmRSS:"), field(&status, "VmHWM:")) {
            self.add(self.begun.elapsed().as_secs_f64(), now);
            self.peak = self.peak.max(peak);
        }
    }

    fn add(&mut self, at: f64, mib: f64) {
        self.samples.push((at, mib));
        self.peak = self.peak.max(mib);
    }

    /// What the samples say.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let count = self.samples.len().max(1) as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| self.samples.iter().map(of).sum::<f64>() / count;
        let (at, mib) = (mean(|it| it.0), mean(|it| it.1));
        let with = |of: &dyn Fn(&(f64, f64)) -> f64| self.samples.iter().map(of).sum::<f64>();
        let (both, spread) = (
            with(&|it| (it.0 - at) * (it.1 - mib)),
            with(&|it| (it.0 - at).powi(2)),
        );
        Memory {
            peak: self.peak,
            mean: mib,
            slope: if spread > 0.0 { both / spread } else { 0.0 },
            samples: self.samples.len(),
        }
    }
}

/// A field of `/proc/PID/status` in MiB.
fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_through_the_samples() {
        let mut gauge = Gauge::default();
        for second in 0..10 {
            gauge.add(f64::from(second), 20.0 + 0.5 * f64::from(second));
        }
        let memory = gauge.memory();
        assert!((memory.slope - 0.5).abs() < 1e-9 && (memory.peak - 24.5).abs() < 1e-9);
        assert!((memory.mean - 22.25).abs() < 1e-9);
    }

    #[test]
    fn a_process_is_looked_at() {
        let mut gauge = Gauge::default();
        gauge.look(std::process::id());
        assert!(gauge.memory().peak > 1.0);
        assert_eq!(field("VmRSS:\t    2048 kB\n", "VmRSS:"), Some(2.0));
    }
}
