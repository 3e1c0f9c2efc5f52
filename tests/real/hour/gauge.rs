//! What a process takes of the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// What is looked at. The first four shall stay, the others grow with the work.
pub(crate) const KINDS: [Kind; 7] = [
    Kind::new("resident memory", "MiB", Some(1.0)),
    Kind::new("heap", "MiB", Some(1.0)),
    Kind::new("descriptors", "", Some(2.0)),
    Kind::new("threads", "", Some(1.0)),
    Kind::new("CPU time", "s", None),
    Kind::new("log", "KiB", None),
    Kind::new("database", "KiB", None),
];

/// A figure of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its unit; none for counts.
    pub(crate) unit: &'static str,
    /// By how much an hour it may grow at most.
    pub(crate) bound: Option<f64>,
}

impl Kind {
    const fn new(name: &'static str, unit: &'static str, bound: Option<f64>) -> Self {
        Self { name, unit, bound }
    }
}

/// Samples of a process, in the order of [`KINDS`].
pub(crate) struct Gauge {
    begun: Instant,
    pid: u32,
    /// Where its log and its database lie.
    artifacts: PathBuf,
    samples: Vec<(f64, [f64; KINDS.len()])>,
}

impl Gauge {
    /// Of this process, that writes to this folder; no sample yet.
    pub(crate) fn new(pid: u32, artifacts: PathBuf) -> Self {
        Self {
            begun: Instant::now(),
            pid,
            artifacts,
            samples: Vec::new(),
        }
    }

    /// Looks at it. It must run.
    pub(crate) fn look(&mut self) {
        let at = self.begun.elapsed().as_secs_f64();
        let sample = look(self.pid, &self.artifacts);
        let sample = sample.unwrap_or_else(|| panic!("process {} can't be looked at", self.pid));
        self.samples.push((at, sample));
    }

    /// One kind's seconds and values.
    pub(crate) fn series(&self, kind: usize) -> Vec<(f64, f64)> {
        let samples = self.samples.iter();
        samples.map(|(at, values)| (*at, values[kind])).collect()
    }

    /// All samples.
    pub(crate) fn samples(&self) -> &[(f64, [f64; KINDS.len()])] {
        &self.samples
    }
}

fn look(pid: u32, artifacts: &Path) -> Option<[f64; KINDS.len()]> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some([
        field("VmRSS:")? / 1_024.0,
        field("RssAnon:")? / 1_024.0,
        descriptors as f64,
        field("Threads:")?,
        cpu(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?,
        size(&artifacts.join("logs"), ""),
        size(artifacts, "worker.db"),
    ])
}

/// Seconds in user and system mode.
fn cpu(stat: &str) -> Option<f64> {
    // The name before may hold blanks and brackets.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

/// KiB in a folder's files whose names begin so.
fn size(folder: &Path, name: &str) -> f64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(name));
    let bytes: u64 = ours
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum();
    bytes as f64 / 1_024.0
}

#[test]
fn this_process_can_be_looked_at() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("logs")).expect("a folder");
    fs::write(folder.path().join("logs/any"), [0; 2_048]).expect("a file");
    fs::write(folder.path().join("worker.db-wal"), [0; 1_024]).expect("a file");
    let mut gauge = Gauge::new(std::process::id(), folder.path().to_owned());
    gauge.look();
    let held = fs::File::open(folder.path().join("logs/any")).expect("the file");
    gauge.look();
    let (_, before) = gauge.samples()[0];
    let (_, after) = gauge.samples()[1];
    assert!(before[0] > before[1] && before[1] > 0.5 && before[3] >= 1.0);
    assert_eq!((before[5], before[6]), (2.0, 1.0));
    assert!(after[4] >= before[4]);
    drop(held);
    assert_eq!(
        cpu("7 (a ) b) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0"),
        Some(3.0)
    );
}
