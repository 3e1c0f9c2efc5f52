//! `scripts/localnet.sh` as a child process.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// From the script's start to a chain with all its topics, with a second node that catches up.
const START: Duration = Duration::from_secs(240);

/// What the script takes from the environment.
pub(crate) type Environment = Vec<(&'static str, String)>;

/// The script that holds a chain. When this is dropped, its standard input closes, and it stops the chain.
pub(crate) struct Script {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // Bounded by the script: it kills a node that does not stop within ten seconds.
        let _ = self.child.wait();
    }
}

impl Script {
    /// Starts a chain with these settings and waits until it is ready. What it complains of goes to a file.
    pub(crate) fn start(environment: &[(&'static str, String)], errors: &Path) -> Self {
        let stderr = File::create(errors).expect("the target's temporary folder can be written");
        let mut child = localnet(environment)
            .arg("run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("bash runs scripts/localnet.sh");
        let lifeline = child.stdin.take();
        let stdout = child.stdout.take().expect("piped");
        let (lines, said) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let script = Self { child, lifeline };
        let deadline = Instant::now() + START;
        let mut all = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match said.recv_timeout(left) {
                Ok(line) if line == "localnet: ready" => break,
                Ok(line) => all.push_str(&(line + "\n")),
                Err(cause) => {
                    let errors = fs::read_to_string(errors).unwrap_or_default();
                    panic!("the node did not become ready ({cause}):\n{all}{errors}");
                }
            }
        }
        let _ = fs::remove_file(errors);
        script
    }
}

/// The script with these settings, ready for a subcommand.
pub(crate) fn localnet(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/localnet.sh"))
        .envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
