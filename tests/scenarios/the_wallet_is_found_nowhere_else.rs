//! A running worker is searched for its wallet: it stands where the operator put it, and the key in the
//! worker's signer.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use rstest::rstest;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{
    operator::{Home, PATIENCE, ended, signal, terminate},
    search::{Found, SIGNER, Searched, Secrets, WORDS, is_root},
};

/// Where the operator puts the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Environment,
    DotEnv,
    File,
    Credential,
    Locked,
}

const CONTROL: &str = "a text of the operator's";
const ADDRESS: &str = "the address";

/// A worker's home with the words in one place, and texts that the search is proven by.
struct Scene {
    home: Home,
    secrets: Secrets,
    since: SystemTime,
    control: String,
    /// Where the words stand, but for the environment.
    put: Option<PathBuf>,
    variables: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new(way: Way) -> Self {
        let since = SystemTime::now() - Duration::from_secs(1);
        let mut secrets = Secrets::random();
        let control = secrets.plant(CONTROL);
        let address = secrets.address.clone();
        secrets.text(ADDRESS, address.as_bytes());
        let mut scene = Self {
            home: Home::new(),
            secrets,
            since,
            control,
            put: None,
            variables: Vec::new(),
        };
        scene.put(way).await;
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    async fn put(&mut self, way: Way) {
        let words = self.secrets.phrase.clone();
        self.put = match way {
            Way::Environment => {
                self.variables.push(("MNEMONIC", words));
                None
            }
            Way::DotEnv => Some(self.write(".env", &format!("MNEMONIC=\"{words}\"\n"))),
            Way::File => {
                self.write(".env", "MNEMONIC_FILE=words\n");
                Some(self.write("words", &format!("{words}\n")))
            }
            Way::Credential => {
                let folder = self.path("credentials").display().to_string();
                self.variables.push(("CREDENTIALS_DIRECTORY", folder));
                Some(self.write("credentials/mnemonic", &words))
            }
            Way::Locked => {
                let open = self.write("words", &words);
                self.write("passphrase", "four words by chance\n");
                let (output, said) = ended(self.command(&[
                    "wallet",
                    "encrypt",
                    "--in",
                    "words",
                    "--passphrase-file",
                    "passphrase",
                    "--out",
                    "wallet.pem",
                ]))
                .await;
                assert_eq!(output.status.code(), Some(0), "{said}");
                fs::remove_file(open).unwrap();
                self.write(
                    ".env",
                    "PRIVATE_KEY_FILE=wallet.pem\nWALLET_PASSPHRASE_FILE=passphrase\n",
                );
                None
            }
        };
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.env_remove("PRIVATE_KEY");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A worker with a text of the operator's in its arguments and its environment, which has answered.
    async fn answering(&self) -> Child {
        let prices = format!("data/{}.csv", self.control);
        fs::copy(
            self.path("data/btcusd_1h_2023-01_2025-12.csv"),
            self.path(&prices),
        )
        .unwrap();
        let mut command = self.command(&["run", "--network", "devnet", "--prices", &prices]);
        command.env("OF_THE_OPERATOR", &self.control);
        command.env("RUST_LOG", "trace");
        if !is_root() {
            // Nobody but root could search its memory.
            command.env("ALLORA_CORE_DUMPS", "allow");
        }
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        self.home.told("counted", 1).await;
        child
    }

    fn searched<'a>(&self, pid: u32, folders: &'a [&'a Path]) -> Searched<'a> {
        Searched {
            pid,
            folders,
            since: self.since,
        }
    }
}

/// The places in which something was found, by the ends of their names.
fn places<'a>(found: &'a Found, name: &str) -> Vec<&'a str> {
    let places = found.keys().filter(|(it, _)| *it == name);
    places.map(|(_, place)| place.as_str()).collect()
}

fn names(found: &Found) -> Vec<&str> {
    let mut names: Vec<&str> = found.keys().map(|(name, _)| *name).collect();
    names.dedup();
    names
}

#[rstest]
#[case::in_the_environment(Way::Environment)]
#[case::in_dot_env(Way::DotEnv)]
#[case::in_a_file(Way::File)]
#[case::as_a_credential(Way::Credential)]
#[case::in_a_locked_file(Way::Locked)]
#[tokio::test]
async fn the_words_are_found_where_the_operator_put_them_alone(#[case] way: Way) {
    let scene = Scene::new(way).await;
    let child = scene.answering().await;
    let home = scene.home.folder.path();
    let folders = [home];
    let searched = scene.searched(child.id().unwrap(), &folders);

    let found = searched.outside(&scene.secrets);
    // The search finds what is there.
    let told = places(&found, CONTROL);
    for place in ["cmdline", "environ"] {
        assert!(told.contains(&place), "{place}: {found:?}");
    }
    for file in ["worker.db", "worker_continuous.log", "worker_output.log"] {
        let told = places(&found, ADDRESS);
        let is_told = told.iter().any(|place| place.contains(file));
        assert!(is_told, "{file}: {found:?}");
    }
    let put = match (way, &scene.put) {
        (Way::Environment, _) => Some("environ".to_owned()),
        (_, put) => put.as_ref().map(|it| {
            let path = fs::canonicalize(it).unwrap();
            path.display().to_string()
        }),
    };
    let put: Vec<&str> = put.iter().map(String::as_str).collect();
    assert_eq!(places(&found, WORDS), put, "{found:?}");
    let mut expected = vec![CONTROL, ADDRESS];
    expected.extend(put.first().map(|_| WORDS));
    expected.sort_unstable();
    assert_eq!(names(&found), expected, "{found:?}");

    // In its memory stands the signer's key. What the operator put into the environment stands where
    // the system keeps that.
    let found = searched.lasting_memory(&scene.secrets).unwrap();
    let in_environment = (way == Way::Environment).then_some("memory [stack]");
    let in_environment: Vec<&str> = in_environment.into_iter().collect();
    assert_eq!(places(&found, WORDS), in_environment, "{found:?}");
    let copies: usize = found
        .iter()
        .filter(|((name, _), _)| *name == SIGNER)
        .map(|(_, times)| times)
        .sum();
    assert_eq!(copies, 2, "two halves of one copy: {found:?}");
    let mut expected = vec![CONTROL, ADDRESS, SIGNER];
    expected.extend(in_environment.first().map(|_| WORDS));
    expected.sort_unstable();
    assert_eq!(names(&found), expected, "{found:?}");
    assert_eq!(terminate(child).await, Some(0));
}

/// Starts a worker that may dump its core, as far as the shell that starts it is concerned, and kills it;
/// gives how it ended and what it left.
async fn killed(scene: &Scene, allowed: bool) -> (std::process::ExitStatus, Vec<PathBuf>) {
    let inner = scene.command(&["run", "--network", "devnet"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""])
        .arg(inner.as_std().get_program())
        .args(inner.as_std().get_args())
        .env_clear()
        .current_dir(scene.home.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for (name, value) in inner.as_std().get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    if allowed {
        command.env("ALLORA_CORE_DUMPS", "allow");
    }
    let mut child = command.spawn().unwrap();
    scene.home.told("ready", 1).await;
    signal(&child, "-ABRT").await;
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    let left = fs::read_dir(scene.home.folder.path()).unwrap();
    let left = left.map(|it| it.unwrap().path());
    let is_core = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        path.is_file() && name.contains("core")
    };
    (status, left.filter(is_core).collect())
}

#[tokio::test]
async fn a_worker_that_dies_leaves_no_core_though_its_shell_allows_one() {
    let scene = Scene::new(Way::File).await;
    let (status, cores) = killed(&scene, false).await;
    assert_eq!(status.signal(), Some(6), "{status}");
    assert!(!status.core_dumped(), "{status}");
    assert!(cores.is_empty(), "{cores:?}");
}

/// That the switch leaves dumps to the system shows that the test above could fail, where the system
/// writes dumps into the working directory.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "what is not shown is told")]
async fn a_core_that_the_operator_allows_holds_the_key_and_not_the_words() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let scene = Scene::new(Way::File).await;
    let (status, cores) = killed(&scene, true).await;
    assert_eq!(status.signal(), Some(6), "{status}");
    if !status.core_dumped() || pattern.trim() != "core" {
        println!("SKIPPED: this system writes no core dump to the working directory ({pattern:?})");
        return;
    }
    let [core] = &cores[..] else {
        panic!("one core dump, not {cores:?}");
    };
    let found = scene.secrets.found_in(&fs::read(core).unwrap());
    assert!(found.contains(&SIGNER), "{found:?}");
    assert!(!found.contains(&WORDS), "{found:?}");
}
