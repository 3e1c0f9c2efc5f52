//! The scripts that install the worker, and which of several programs they take, in folders of their own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

const COMPETITION: &str = "[competition]\nname = \"A test\" # [x]\nstart = \"2099-03-01\"  # UTC\nend = 2099-06-01\n\n[[topics]]\nid = 67\n";

struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let machine = Self { folder };
        program(&machine.place("worker"), "");
        fs::write(machine.place("competition.toml"), COMPETITION).unwrap();
        machine
    }

    fn place(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What is installed at a path of the machine.
    fn installed(&self, path: &str) -> PathBuf {
        self.place("root").join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.installed(path)).unwrap()
    }

    fn install(&self, flags: &[&str]) -> (Option<i32>, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install_service.sh");
        let mut command = Command::new(script);
        command
            .args(flags)
            .arg("--root")
            .arg(self.place("root"))
            .env("ALLORA_WORKER_BIN", self.place("worker"));
        said(&mut command)
    }

    fn installed_well(&self, flags: &[&str]) -> String {
        let (code, said) = self.install(flags);
        assert_eq!(code, Some(0), "{said}");
        said
    }

    fn competition(&self) -> String {
        format!("--competition={}", self.place("competition.toml").display())
    }
}

fn program(path: &Path, version: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\necho allora-worker {version}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_install_has_the_right_modes_and_a_second_one_changes_nothing() {
    let machine = Machine::new();
    machine.installed_well(&["--user", "someone"]);
    for (path, wanted) in [
        ("usr/local/bin/allora-worker", 0o755),
        ("etc/allora-worker/credentials", 0o700),
        ("etc/allora-worker/environment", 0o600),
        ("etc/allora-worker/config/networks/testnet.toml", 0o644),
        ("var/lib/allora-worker", 0o700),
    ] {
        assert_eq!(mode(&machine.installed(path)), wanted, "{path}");
    }
    let unit = machine.text("etc/systemd/system/allora-worker.service");
    assert!(
        unit.contains("ExecStart=/usr/local/bin/allora-worker run"),
        "{unit}"
    );
    assert!(unit.contains("User=someone"), "{unit}");
    let config = machine.text("etc/allora-worker/config/worker.toml");
    assert!(config.contains("\ndata_dir = \"/var/lib/allora-worker\"\n"));
    let prices = "etc/allora-worker/data/btcusd_1h_2023-01_2025-12.csv";
    assert!(machine.installed(prices).is_file(), "through the link");

    let again = machine.installed_well(&["--user", "someone"]);
    for done in ["file ", "folder ", "link ", "kept "] {
        assert!(!again.contains(&format!("   {done}")), "{done} in {again}");
    }
}

#[test]
fn an_upgrade_keeps_what_was_edited_and_renews_what_was_not() {
    let machine = Machine::new();
    machine.installed_well(&[]);
    let config = machine.installed("etc/allora-worker/config/worker.toml");
    let shipped = fs::read_to_string(&config).unwrap();
    let edited = format!("{shipped}# mine\n");
    fs::write(&config, &edited).unwrap();
    program(&machine.place("worker"), "newer");
    let said = machine.installed_well(&[]);
    assert!(said.contains("file /usr/local/bin/allora-worker"), "{said}");
    assert!(
        said.contains("kept /etc/allora-worker/config/worker.toml"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&config).unwrap(), edited);
    assert_eq!(
        fs::read_to_string(config.with_extension("toml.new")).unwrap(),
        shipped
    );

    // What an older version installed, and nobody edited, is the newer one's now.
    let network = machine.installed("etc/allora-worker/config/networks/devnet.toml");
    let newer = fs::read_to_string(&network).unwrap();
    fs::write(&network, "old\n").unwrap();
    let record = machine.installed("etc/allora-worker/.installed");
    let sum = sum_of(&network);
    let place = "  /etc/allora-worker/config/networks/devnet.toml";
    let lines = fs::read_to_string(&record).unwrap();
    let mut lines: Vec<_> = lines.lines().filter(|it| !it.ends_with(place)).collect();
    let line = format!("{sum}{place}\n");
    lines.push(&line);
    let lines = lines.join("\n");
    fs::write(&record, lines).unwrap();
    machine.installed_well(&[]);
    assert_eq!(fs::read_to_string(&network).unwrap(), newer);
}

fn sum_of(path: &Path) -> String {
    let (_, said) = said(Command::new("sha256sum").arg(path));
    said.split(' ').next().unwrap().to_owned()
}

#[test]
fn a_competition_has_a_timer_for_its_period() {
    let machine = Machine::new();
    machine.installed_well(&[&machine.competition()]);
    let timer = machine.text("etc/systemd/system/allora-worker.timer");
    for line in [
        "OnCalendar=2099-02-28 23:55:00 UTC\n",
        "OnCalendar=2099-03-01 00:00:00 UTC\n",
        "Persistent=true\n",
        "to 2099-06-01 00:00:00 UTC\n",
    ] {
        assert!(timer.contains(line), "{line} is not in {timer}");
    }
    let drop_in = machine.text("etc/systemd/system/allora-worker.service.d/competition.conf");
    let overlay = "/etc/allora-worker/competition.toml";
    assert!(
        drop_in.contains(&format!("ALLORA_CONFIG={overlay}")),
        "{drop_in}"
    );
    assert_eq!(machine.text(&overlay[1..]), COMPETITION);

    let instance = ["--instance=one", &machine.competition()];
    machine.installed_well(&instance);
    assert_eq!(
        machine.text("etc/allora-worker/one/worker.toml"),
        COMPETITION
    );
    assert!(
        machine
            .installed("etc/systemd/system/allora-worker@one.timer")
            .is_file()
    );
    assert_eq!(
        mode(&machine.installed("etc/allora-worker/one/credentials")),
        0o700
    );

    // The timer goes by what the worker reads.
    let edited = COMPETITION.replace("2099-03-01", "2099-04-01");
    fs::write(
        machine.installed("etc/allora-worker/one/worker.toml"),
        &edited,
    )
    .unwrap();
    machine.installed_well(&instance);
    let timer = machine.text("etc/systemd/system/allora-worker@one.timer");
    assert!(
        timer.contains("OnCalendar=2099-04-01 00:00:00 UTC\n"),
        "{timer}"
    );
    if has("systemd-analyze") {
        let place = machine.installed("etc/systemd/system/allora-worker@one.timer");
        let mut verify = Command::new("systemd-analyze");
        // The unit that it starts is looked for beside it, and its program on this machine.
        verify
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(place);
        let (code, said) = said(&mut verify);
        assert_eq!(code, Some(0), "{said}");
    }
}

#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn has(tool: &str) -> bool {
    let found = said(Command::new("sh").args(["-c", &format!("command -v {tool}")])).0 == Some(0);
    if !found {
        eprintln!("SKIPPED: there is no {tool}");
    }
    found
}

#[test]
fn units_are_as_systemd_wants_them_and_closed() {
    let machine = Machine::new();
    machine.installed_well(&[]);
    if !has("systemd-analyze") {
        return;
    }
    let units = machine.installed("etc/systemd/system");
    for (unit, name) in [
        ("allora-worker.service", "allora-worker.service"),
        ("allora-worker@.service", "allora-worker@one.service"),
    ] {
        let text = fs::read_to_string(units.join(unit)).unwrap();
        let worker = machine.place("worker").display().to_string();
        let file = machine.place(name);
        fs::write(&file, text.replace("/usr/local/bin/allora-worker", &worker)).unwrap();
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&file);
        assert_eq!(said(&mut verify), (Some(0), String::new()), "{unit}");
        let mut security = Command::new("systemd-analyze");
        security
            .args(["security", "--offline=true", "--threshold=20"])
            .arg(&file);
        let (code, said) = said(&mut security);
        assert_eq!(code, Some(0), "exposed more than 2.0: {said}");
    }
}

#[test]
fn a_dry_run_does_nothing_and_an_uninstall_leaves_secrets() {
    let machine = Machine::new();
    let said = machine.installed_well(&["--dry-run"]);
    assert!(
        said.contains("would: file /usr/local/bin/allora-worker"),
        "{said}"
    );
    assert!(!machine.place("root").exists());

    machine.installed_well(&[&machine.competition()]);
    let secret = machine.installed("etc/allora-worker/credentials/mnemonic");
    fs::write(&secret, "words").unwrap();
    machine.installed_well(&["--uninstall"]);
    assert!(secret.is_file());
    for gone in [
        "usr/local/bin/allora-worker",
        "etc/systemd/system/allora-worker.service",
        "etc/systemd/system/allora-worker.timer",
        "etc/systemd/system/allora-worker.service.d",
    ] {
        assert!(!machine.installed(gone).exists(), "{gone}");
    }
}

#[test]
fn a_purge_of_the_package_takes_the_rendered_timers_and_leaves_secrets() {
    let machine = Machine::new();
    machine.installed_well(&[&machine.competition()]);
    machine.installed_well(&["--instance", "two", &machine.competition()]);
    let units = machine.installed("etc/systemd/system");
    let foreign = units.join("allora-worker-of-mine.timer");
    fs::write(&foreign, "").unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/package/postrm");
    let gone = |how: &str| {
        let mut command = Command::new("sh");
        let root = machine.installed("");
        let root = root.to_str().unwrap().trim_end_matches('/').to_owned();
        command.arg(&script).arg(how).env("DPKG_ROOT", root);
        let (code, said) = said(&mut command);
        assert_eq!(code, Some(0), "{said}");
    };
    let timers = ["allora-worker.timer", "allora-worker@two.timer"];
    gone("remove");
    assert!(timers.iter().all(|it| units.join(it).is_file()));
    gone("purge");
    for left in timers.iter().chain(&["allora-worker.service.d"]) {
        assert!(!units.join(left).exists(), "{left} is still there");
    }
    assert!(foreign.is_file());
    assert!(machine.installed("etc/allora-worker/credentials").is_dir());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let machine = Machine::new();
    let file = machine.place("empty.toml");
    fs::write(&file, "[competition]\nstart = \"soon\"\n").unwrap();
    for (flag, why) in [
        ("--instance=../x", "letters"),
        ("--instance=credentials", "choose another"),
        ("--user=Root!", "no user's name"),
        ("--competition=/nowhere.toml", "/nowhere.toml"),
        (
            &*format!("--competition={}", file.display()),
            "has no period",
        ),
        ("--frob", "--help"),
    ] {
        let (code, said) = machine.install(&[flag]);
        assert_eq!(code, Some(1), "{flag}: {said}");
        assert!(said.contains(why), "{flag}: {said}");
    }
}

/// Which program a folder's scripts take, with what is on the PATH.
fn taken(folder: &Path, path: &Path, given: &str) -> (String, bool) {
    let asked = r#"root=$PWD; source "$LIB"; it=$(worker_binary); echo "$it"
                   if needs_build "$it"; then echo build; fi"#;
    let mut command = Command::new("bash");
    command
        .args(["-c", asked])
        .current_dir(folder)
        .env_clear()
        .env(
            "LIB",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib.sh"),
        )
        .env("PATH", format!("{}:/usr/bin:/bin", path.display()));
    if !given.is_empty() {
        command.env("ALLORA_WORKER_BIN", given);
    }
    let (_, said) = said(&mut command);
    let mut lines = said.lines();
    let taken = lines.next().unwrap_or_default().to_owned();
    (taken, lines.next() == Some("build"))
}

#[test]
fn an_installed_program_is_taken_where_nothing_was_built() {
    let place = TempDir::new().unwrap();
    let (folder, path) = (place.path().join("here"), place.path().join("path"));
    let shown = |path: PathBuf| path.display().to_string();
    for file in ["src/main.rs", "config/networks/x", "Cargo.lock", "build.rs"] {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), "").unwrap();
    }
    fs::create_dir_all(&path).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        "[package]\nversion = \"7.7.7\"\n[dependencies]\nversion = \"1\"\n",
    )
    .unwrap();
    let built = folder.join("target/release/allora-worker");
    let taken = |given| taken(&folder, &path, given);

    assert_eq!(taken(""), (shown(built.clone()), true));
    program(&path.join("allora-worker"), "7.7.6");
    assert_eq!(
        taken(""),
        (shown(built.clone()), true),
        "of another version"
    );
    program(&path.join("allora-worker"), "7.7.7");
    assert_eq!(taken(""), (shown(path.join("allora-worker")), false));
    program(&built, "7.7.7");
    assert_eq!(taken(""), (shown(built.clone()), false));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    let source = fs::File::options()
        .write(true)
        .open(folder.join("src/main.rs"));
    source.unwrap().set_modified(later).unwrap();
    assert_eq!(taken(""), (shown(built), true), "its sources are newer");
    program(&folder.join("bin/allora-worker"), "1");
    assert_eq!(taken(""), (shown(folder.join("bin/allora-worker")), false));
    assert_eq!(taken("/mine"), ("/mine".into(), false));
}

/// Behaves as cargo does towards the script: ten crates, and a complaint.
const CARGO: &str = r#"#!/bin/sh
if [ "$1" = tree ]; then seq 10; exit; fi
for crate in $(seq 10); do echo "   Compiling crate-$crate v1.0.0" >&2; done
echo "warning: look here" >&2
exit "${CARGO_ENDS:-0}"
"#;

#[test]
fn a_build_without_a_terminal_tells_each_tenth_and_what_is_wrong() {
    let place = TempDir::new().unwrap();
    let cargo = place.path().join("cargo");
    program(&cargo, "");
    fs::write(&cargo, CARGO).unwrap();
    let build = |ends: &str| {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c"])
            .arg(r#"root=$PWD; source "$LIB/lib.sh"; source "$LIB/build.sh"; build_worker"#)
            .current_dir(place.path())
            .env("LIB", scripts)
            .env("PATH", format!("{}:/usr/bin:/bin", place.path().display()))
            .env("CARGO_ENDS", ends);
        said(&mut command)
    };
    let (code, told) = build("0");
    assert_eq!(code, Some(0), "{told}");
    for line in [
        "Building the worker: ten minutes",
        "build: 10 %, 1 of 10 crates\n",
        "build: 50 %, 5 of 10 crates\n",
        "warning: look here\n",
        "build: done after",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(!told.contains("Compiling"), "{told}");
    let (code, told) = build("101");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the build failed"), "{told}");
}
