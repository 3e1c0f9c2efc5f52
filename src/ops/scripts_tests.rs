//! The start and stop scripts against a stand-in for the worker.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output},
};

/// Behaves as the worker does towards the scripts; its first argument after `run` says how it fares.
const STAND_IN: &str = r#"#!/usr/bin/env bash
dir=$(dirname "$0")/data
artifacts=$dir/artifacts
if [[ $1 == locate ]]; then echo "$dir"; exit; fi
if [[ $1 == check ]]; then
    [[ $2 == --start ]] || exit 1
    case $3 in
        --dry-run) echo '❌ key: no wallet; set MNEMONIC'; exit 2 ;;
        --no-register) echo '⚠️ balance: no coins; ask for some'; exit 0 ;;
        --real-coins) echo "error: unrecognized subcommand 'check'" >&2; exit 2 ;;
        --once) echo '❌ half a li'; exit 101 ;;
    esac
    exit
fi
tell() {
    printf '{"pid":%s,"state":"%s","since":"","address":"allo1abc","balance":"0.5 ALLO","message":"%s"}\n' \
        $$ "$1" "$2" >"$artifacts/worker.state"
}
if [[ $2 == --once ]]; then echo '❌ ERROR no wallet: set MNEMONIC' >&2; exit 3; fi
exec 9>>"$artifacts/worker.pid"
flock -n 9 || exit 1
echo $$ >"$artifacts/worker.pid"
trap 'tell stopped SIGTERM; exit 0' TERM
tell starting ''
tell ready 'Worker is ready'
while :; do read -rt 0.05 <> <(:) || true; done
"#;

struct Host {
    folder: tempfile::TempDir,
    stand_in: PathBuf,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stand_in = folder.path().join("allora-worker");
        fs::write(&stand_in, STAND_IN).unwrap();
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, stand_in }
    }

    /// Runs a script from a folder that has nothing to do with the project.
    fn run(&self, script: &str, args: &[&str]) -> (Option<i32>, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(script)
            .args(args)
            .current_dir("/")
            .env("ALLORA_WORKER_BIN", &self.stand_in)
            .env("ALLORA_START_TIMEOUT", "20")
            .output()
            .unwrap();
        let said = String::from_utf8([stdout, stderr].concat()).unwrap();
        (status.code(), said)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.run("stop_worker.sh", &[]);
    }
}

#[test]
fn start_says_where_to_look_and_stop_how_it_ended() {
    let host = Host::new();
    let (code, said) = host.run("start_worker.sh", &["--network", "devnet"]);
    assert_eq!(code, Some(0), "{said}");
    let artifacts = host.folder.path().join("data/artifacts");
    let pid = fs::read_to_string(artifacts.join("worker.pid")).unwrap();
    let output = artifacts.join("logs/worker_output.log");
    for wanted in [
        &format!("pid      {}", pid.trim()),
        "allo1abc",
        "0.5 ALLO",
        &format!("tail -f {}", output.display()),
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in\n{said}");
    }
    let (code, said) = host.run("start_worker.sh", &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("(pid {})", pid.trim())), "{said}");
    let (code, said) = host.run("stop_worker.sh", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped: SIGTERM"), "{said}");
    let (code, said) = host.run("stop_worker.sh", &[]);
    assert_eq!(code, Some(0));
    assert!(said.contains("No worker runs"), "{said}");
}

/// A process at the moment in which a worker holds no lock: its old image has ended, its new one has not
/// begun.
fn between(host: &Host, program: &Path) -> Child {
    let artifacts = host.folder.path().join("data/artifacts");
    fs::create_dir_all(&artifacts).unwrap();
    let between = Command::new(program).arg("600").spawn().unwrap();
    let pid = between.id();
    fs::write(artifacts.join("worker.pid"), format!("{pid}\n")).unwrap();
    let state = format!(
        "{{\"pid\":{pid},\"state\":\"restarting\",\"since\":\"\",\"address\":\"\",\"balance\":\"\",\"message\":\"\"}}\n"
    );
    fs::write(artifacts.join("worker.state"), state).unwrap();
    between
}

#[test]
fn a_number_that_was_given_to_another_program_is_not_signalled() {
    let host = Host::new();
    let mut stranger = between(&host, Path::new("/bin/sleep"));
    let (code, said) = host.run("stop_worker.sh", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("No worker runs"), "{said}");
    assert!(stranger.try_wait().unwrap().is_none(), "it was signalled");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_worker_that_is_about_to_begin_anew_is_stopped() {
    let host = Host::new();
    let program = host.folder.path().join("allora-worker-between");
    fs::copy("/bin/sleep", &program).unwrap();
    let mut between = between(&host, &program);
    let reaped = std::thread::spawn(move || between.wait().unwrap());
    let (code, said) = host.run("stop_worker.sh", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("was ended before it began anew"), "{said}");
    assert!(!reaped.join().unwrap().success(), "it was signalled");
}

#[test]
fn a_start_that_fails_says_why() {
    let host = Host::new();
    let (code, said) = host.run("start_worker.sh", &["--once"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("❌ ERROR no wallet: set MNEMONIC"), "{said}");
    assert!(said.contains("exit code 3"), "{said}");
    assert!(
        !said.contains("half a li"),
        "a check that broke said: {said}"
    );
}

#[test]
fn what_no_waiting_heals_is_told_and_nothing_is_started() {
    let host = Host::new();
    let (code, said) = host.run("start_worker.sh", &["--dry-run"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("❌ key: no wallet; set MNEMONIC"), "{said}");
    assert!(said.contains("nothing was started"), "{said}");
    let artifacts = host.folder.path().join("data/artifacts");
    assert!(!artifacts.exists(), "something was started");
}

#[test]
fn what_waiting_heals_is_told_and_does_not_hinder_the_start() {
    let host = Host::new();
    let (code, said) = host.run("start_worker.sh", &["--no-register"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("⚠️ balance: no coins; ask for some"),
        "{said}"
    );
    assert!(said.contains("✅ The worker is ready"), "{said}");
}

#[test]
fn a_program_without_the_check_is_started_all_the_same() {
    let host = Host::new();
    let (code, said) = host.run("start_worker.sh", &["--real-coins"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("unrecognized"), "{said}");
}

#[test]
fn a_pidfile_left_by_a_crash_is_no_obstacle() {
    let host = Host::new();
    let artifacts = host.folder.path().join("data/artifacts");
    fs::create_dir_all(&artifacts).unwrap();
    fs::write(artifacts.join("worker.pid"), "1\n").unwrap();
    let (code, said) = host.run("start_worker.sh", &[]);
    assert_eq!(code, Some(0), "{said}");
}
