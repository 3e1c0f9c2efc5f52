//! A PostgreSQL server for the tests: the one that `DATABASE_URL` names, or one of their own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

use crate::postgres_gate::{say, setting};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres.sh");

/// A server that ends with the process that started it.
pub(crate) struct Server {
    url: String,
    folder: TempDir,
    child: Child,
    input: Option<ChildStdin>,
}

impl Server {
    /// Makes an empty database in a folder of its own, and waits until it takes connections.
    fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // Root's tests have it run as another account, which must be able to go in.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).map_err(|error| error.to_string())?;
        let mut child = Command::new(SCRIPT)
            .arg("run")
            .arg(folder.path())
            .env("POSTGRES_FORGET", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{SCRIPT} can't be run: {error}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("it has no output")?);
        let url = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("DATABASE_URL=").map(str::to_owned))
            .ok_or_else(|| format!("'{SCRIPT} run' did not start a server; see above"))?;
        Ok(Self {
            url,
            folder,
            child,
            input,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Holds up the server and all processes that it started, as a machine that is suspended.
    pub(crate) fn freeze(&self) -> Frozen {
        let noted = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        let noted = noted.expect("the server runs");
        let server = noted.lines().next().expect("its process").to_owned();
        // It starts no more of them.
        let mut frozen = Frozen(vec![server.clone()]);
        signal("-STOP", &frozen.0);
        let started = started_by(&server);
        signal("-STOP", &started);
        // It goes on last: one that ended meanwhile is still there to be signalled.
        frozen.0.splice(0..0, started);
        frozen
    }

    /// Has the script do something with this server: `stop`, `start` or `kill`.
    pub(crate) fn command(&self, word: &str) {
        let status = Command::new(SCRIPT)
            .arg(word)
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("the script runs").success(), "{word}");
    }
}

/// Processes that are held up until this goes.
pub(crate) struct Frozen(Vec<String>);

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

/// The processes that a process started.
fn started_by(process: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("the system tells of processes");
    let names = all.filter_map(|it| it.ok()?.file_name().into_string().ok());
    let is_started = |name: &String| {
        // The second field after the name in parentheses is the parent.
        let told = fs::read_to_string(format!("/proc/{name}/stat")).ok();
        let fields = told.as_deref().and_then(|told| told.rsplit_once(')'));
        fields.is_some_and(|(_, fields)| fields.split_whitespace().nth(1) == Some(process))
    };
    names.filter(is_started).collect()
}

fn signal(name: &str, processes: &[String]) {
    let status = Command::new("kill").arg(name).args(processes).status();
    assert!(status.expect("kill runs").success(), "{name} {processes:?}");
}

impl Drop for Server {
    fn drop(&mut self) {
        // The script stops the server when its input ends.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// The address of a server that is shared by all tests, or none after having said why they are skipped.
pub(crate) fn shared() -> Option<String> {
    static OWN: OnceLock<Server> = OnceLock::new();
    if let Some(url) = setting("DATABASE_URL") {
        return Some(url);
    }
    is_there().then(|| {
        let start = || Server::start().unwrap_or_else(|reason| panic!("{reason}"));
        OWN.get_or_init(start).url.clone()
    })
}

/// A server that one test may stop, or none after having said why it is skipped.
pub(crate) fn own() -> Option<Server> {
    is_there().then(|| Server::start().unwrap_or_else(|reason| panic!("{reason}")))
}

/// Whether PostgreSQL's programs are there and these tests are to run.
fn is_there() -> bool {
    let is_required = match setting("ALLORA_REAL").as_deref() {
        None | Some("0") => {
            say(
                "SKIPPED: PostgreSQL's tests start a server; run them with ALLORA_REAL=1, or name one \
                 in DATABASE_URL",
            );
            return false;
        }
        word => word == Some("require"),
    };
    assert!(Path::new(SCRIPT).is_file(), "{SCRIPT} is there");
    let found = Command::new(SCRIPT)
        .arg("bin")
        .stderr(Stdio::null())
        .output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let reason = "PostgreSQL is not installed; run 'scripts/postgres.sh install'";
    assert!(!is_required, "PostgreSQL is required, but {reason}");
    say(&format!("SKIPPED: {reason}"));
    false
}
