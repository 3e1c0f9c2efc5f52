//! A season's account in words: what was seen, and at the end a line for each count.

use std::{collections::BTreeMap, fmt};

use super::{A_DAY, Memory, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.details(f)?;
        self.measures(f)?;
        self.counts(f)
    }
}

impl Report {
    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "lines of the event log, by event:")?;
        for (name, count) in &self.logs.events {
            writeln!(f, "  {count:>6} {name}")?;
        }
        writeln!(f, "answers refused in blocks, by code: {:?}", self.refused)?;
        for failure in &self.failures {
            writeln!(
                f,
                "not answered: {} ({}); faults: {}",
                failure.nonce, failure.cause, failure.faults
            )?;
        }
        for failure in &self.twice {
            let (nonce, faults) = (failure.nonce, &failure.faults);
            writeln!(f, "answered again: {nonce}; faults: {faults}")?;
        }
        for line in self.logs.panics.iter().take(5) {
            writeln!(f, "a panic: {line}")?;
        }
        for exit in self.exits.iter().take(5) {
            writeln!(f, "an end by itself: {exit}")?;
        }
        Ok(())
    }

    fn measures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "opening to mempool, all windows, ms: {}", self.latency)?;
        writeln!(
            f,
            "opening to mempool, calm windows, ms: {}",
            self.calm_latency
        )?;
        writeln!(f, "opening to block, blocks: {}", self.blocks)?;
        let Memory {
            peak,
            mean,
            slope,
            samples,
        } = self.memory;
        let a_window = self.took.as_secs_f64() / self.windows.max(1) as f64;
        writeln!(f, "memory, peak MiB: {peak:.1}")?;
        writeln!(f, "memory, mean MiB: {mean:.1} ({samples} samples)")?;
        writeln!(
            f,
            "memory, slope in MiB a simulated day: {:+.3}",
            slope * a_window * A_DAY
        )?;
        writeln!(f, "log, bytes a simulated day: {:.0}", self.log_a_day())?;
        writeln!(
            f,
            "database, bytes a simulated day: {:.0} ({} in all)",
            self.logs.database as f64 / self.days(),
            self.logs.database
        )?;
        writeln!(f, "took, seconds: {:.0}", self.took.as_secs_f64())
    }

    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, met) in &self.met {
            write!(f, "met {kind}: {}", met.windows)?;
            match met.requests {
                Some(requests) => writeln!(f, " ({requests} requests)")?,
                None => writeln!(f)?,
            }
        }
        let mut causes = BTreeMap::<&str, usize>::new();
        for failure in &self.failures {
            *causes.entry(&failure.cause).or_default() += 1;
        }
        for (cause, count) in causes {
            writeln!(f, "failed, {}: {count}", cause.replace(": ", ", "))?;
        }
        let upgrades = &self.upgrades;
        let counts: [(&str, u64); 6] = [
            ("seed", self.seed),
            (
                "seconds of the season's clock in a second",
                self.speed.into(),
            ),
            ("requests for prices", self.price_requests),
            (
                "windows with a request for prices",
                self.price_windows as u64,
            ),
            (
                "hours of the last 14 days without a candle",
                self.lacking as u64,
            ),
            ("outcomes known", self.outcomes as u64),
        ];
        for (name, count) in counts {
            writeln!(f, "{name}: {count}")?;
        }
        let forecasts = self.logs.events.get("forecast_prepared");
        let counts = [
            ("outcomes overdue", self.overdue),
            ("forecasts prepared", forecasts.copied().unwrap_or_default()),
            (
                "windows met by an upgrade from v9 to v10 while connected",
                upgrades.connected,
            ),
            ("windows lost with an upgrade", upgrades.lost),
            ("lost with an upgrade, ended with its halt", upgrades.ended),
            (
                "lost with an upgrade, by another fault or a kill",
                upgrades.excused,
            ),
            (
                "lost with an upgrade, without an excuse",
                upgrades.unexcused,
            ),
            ("kills", self.kills),
            ("panics", self.logs.panics.len()),
            ("ended by itself", self.exits.len()),
            ("begun anew", self.begun_anew()),
            ("windows", self.windows),
            ("answered in all", self.answered_all),
            ("not answerable", self.windows - self.answerable),
            ("lost to kills", self.lost_to_kills),
            ("lost without a healthy endpoint", self.lost_to_faults),
            ("answerable", self.answerable),
            ("answered", self.answered),
            ("answerable but not answered", self.failures.len()),
            ("answered twice", self.twice.len()),
        ];
        for (name, count) in counts {
            writeln!(f, "{name}: {count}")?;
        }
        Ok(())
    }
}
