//! The built program with secrets in every place that takes one: who has access to what it makes, and
//! what it tells.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use bip39::Mnemonic;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::Command,
};

use crate::operator::{Home, ended, terminate};

/// Texts that stand in the configuration and may stand nowhere else.
struct Planted {
    words: String,
    texts: Vec<String>,
}

impl Planted {
    fn new() -> Self {
        let entropy: [u8; 16] = rand::random();
        Self {
            words: Mnemonic::from_entropy(&entropy).unwrap().to_string(),
            texts: Vec::new(),
        }
    }

    /// A secret made by chance.
    fn text(&mut self) -> String {
        let text = hex::encode(rand::random::<[u8; 12]>());
        self.texts.push(text.clone());
        text
    }

    /// What of it stands in a text.
    fn found_in(&self, content: &[u8]) -> Option<&str> {
        let content = String::from_utf8_lossy(content).to_lowercase();
        let words: Vec<&str> = self.words.split(' ').collect();
        let told: Vec<&str> = content
            .split(|c: char| !c.is_ascii_lowercase())
            .filter(|it| !it.is_empty())
            .collect();
        if told
            .windows(3)
            .any(|it| words.windows(3).any(|of| it == of))
        {
            return Some("three words of the mnemonic");
        }
        let found = self.texts.iter().find(|it| content.contains(it.as_str()));
        found.map(String::as_str)
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    if folder.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            all.extend(files_below(&entry.unwrap().path()));
        }
    }
    all
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The program by way of a shell that sets an umask first, with no key in its environment.
fn by_shell(home: &Home, before: &str, args: &[&str]) -> Command {
    let inner = home.command(args);
    let mut command = Command::new("setsid");
    command
        .arg("-w")
        .args(["sh", "-c", &format!("{before}; exec \"$0\" \"$@\"")]);
    command.arg(inner.as_std().get_program()).args(args);
    command.env_clear().current_dir(home.folder.path());
    for (name, value) in inner.as_std().get_envs() {
        if let Some(value) = value.filter(|_| name != "PRIVATE_KEY") {
            command.env(name, value);
        }
    }
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn what_it_makes_is_its_users_alone_and_it_leaves_no_core() {
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "devnet"]);
    command.stdout(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    home.told("counted", 1).await;
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    if let Some(core) = core {
        let values: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(values, ["0", "0"], "{core}");
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    if let Some(umask) = status.lines().find_map(|it| it.strip_prefix("Umask:")) {
        assert_eq!(umask.trim(), "0077");
    }
    let made = files_below(&home.folder.path().join("data/artifacts"));
    for path in &made {
        let about = fs::symlink_metadata(path).unwrap();
        let expected = if about.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(about.mode() & 0o777, expected, "{}", path.display());
    }
    for name in [
        "worker.db",
        "worker.pid",
        "worker.state",
        "worker_continuous.log",
    ] {
        assert!(
            made.iter().any(|it| it.ends_with(name)),
            "{name} is not in {made:?}"
        );
    }
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn core_dumps_are_left_to_the_system_when_that_is_asked_for() {
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "nowhere"]);
    command.env("ALLORA_CORE_DUMPS", "allow");
    let (_, said) = ended(command).await;
    assert!(
        said.contains("core dumps and debuggers are allowed"),
        "{said}"
    );
}

#[tokio::test]
async fn an_open_file_of_secrets_is_refused_with_the_command_that_mends_it() {
    let home = Home::new();
    let env = home.folder.path().join(".env");
    let planted = Planted::new();
    private(&env, &format!("MNEMONIC=\"{}\"\n", planted.words));
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
    for command in ["run", "predict", "score"] {
        let (output, said) = ended(by_shell(&home, "umask 022", &[command])).await;
        assert_eq!(output.status.code(), Some(78), "{command}: {said}");
        let mend = format!("chmod 600 {}", env.canonicalize().unwrap().display());
        assert!(said.contains(&mend), "{command}: {said}");
        assert_eq!(planted.found_in(said.as_bytes()), None);
    }
    // It can still be found and stopped.
    let (output, said) = ended(by_shell(&home, "umask 022", &["locate"])).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[tokio::test]
async fn secrets_in_every_place_are_told_nowhere() {
    let home = Home::new();
    let root = home.folder.path();
    let mut planted = Planted::new();
    let words = planted.words.clone();
    let env = format!(
        "MNEMONIC=\"{}\"\nTIINGO_API_KEY={}\nDATABASE_URL=postgres://me:{}@127.0.0.1:9/db\nFORECASTER_TOKEN={}\n",
        words,
        planted.text(),
        planted.text(),
        planted.text()
    );
    private(&root.join(".env"), &env);
    let config = format!(
        "rpc = [\"http://me:{}@127.0.0.1:9/{}?key={}\", \"grpc+http://me:{}@127.0.0.1:9\"]\n\
         ws = [\"ws://me:{}@127.0.0.1:9/websocket?token={}\"]\n\
         [chain]\nrequest_timeout = \"300ms\"\n\
         [market]\nbase_url = \"http://me:{}@127.0.0.1:9\"\nstand_in = \"none\"\n\
         [[topics]]\nid = 67\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\n\
         forecaster = {{ http = \"http://me:{}@127.0.0.1:9/{{topic}}?key={}\" }}\n",
        planted.text(),
        planted.text(),
        planted.text(),
        planted.text(),
        planted.text(),
        planted.text(),
        planted.text(),
        planted.text(),
        planted.text()
    );
    private(&root.join("mine.toml"), &config);
    let mut seen = Vec::new();
    for args in [
        &["run", "--network", "localnet", "--config", "mine.toml"][..],
        &["forecast", "--network", "localnet", "--config", "mine.toml"],
        &["predict", "--config", "mine.toml", "--port", "9"],
        &["score", "--config", "mine.toml", "--once"],
        &["prices", "fetch", "--config", "mine.toml"],
    ] {
        let mut command = by_shell(&home, "ulimit -t 60", args);
        command
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full");
        let child = command.spawn().unwrap();
        let waiting = child.wait_with_output();
        // One that goes on trying is ended when it is dropped; what it wrote stays.
        if let Ok(output) = tokio::time::timeout(Duration::from_secs(3), waiting).await {
            let output = output.unwrap();
            seen.push((args.join(" "), [output.stdout, output.stderr].concat()));
        }
    }
    assert!(!seen.is_empty());
    // Each refusal that shows a URL shows it without what may be a key.
    for (key, value) in [
        (
            "ALLORA_RPC",
            format!("ftp://me:{0}@host/{0}?key={0}", planted.text()),
        ),
        (
            "ALLORA_RPC",
            format!("http://{0}@h?{0},http://{0}@h?{0}", planted.text()),
        ),
        ("ALLORA_WS", format!("http://me:{}@host", planted.text())),
        ("MNEMONIC", format!("{words} {}", planted.text())),
        ("PRIVATE_KEY", planted.text()),
        ("MNEMONIC_FILE", planted.text()),
        ("PRIVATE_KEY_FILE", planted.text()),
        (
            "ALLORA_MARKET__BASE_URL",
            format!("http://me:{}@example.com", planted.text()),
        ),
    ] {
        let mut command = home.command(&["run", "--network", "localnet"]);
        command.env_remove("PRIVATE_KEY").env(key, &value);
        let (output, said) = ended(command).await;
        assert_eq!(output.status.code(), Some(78), "{key}: {said}");
        seen.push((key.to_owned(), said.into_bytes()));
    }
    for (what, content) in &seen {
        let told = String::from_utf8_lossy(content);
        assert_eq!(planted.found_in(content), None, "{what}: {told}");
    }
    let made = files_below(&root.join("data"));
    assert!(
        made.iter().any(|it| it.ends_with("worker_output.log")),
        "{made:?}"
    );
    for path in made
        .iter()
        .filter(|it| it.is_file() && !it.ends_with("btcusd_1h_2023-01_2025-12.csv"))
    {
        let content = fs::read(path).unwrap();
        let told = String::from_utf8_lossy(&content);
        assert_eq!(
            planted.found_in(&content),
            None,
            "{}: {told}",
            path.display()
        );
    }
}

#[tokio::test]
async fn a_wallet_is_locked_and_used_with_its_passphrase() {
    let home = Home::new();
    let root = home.folder.path();
    let planted = Planted::new();
    private(&root.join("words"), &planted.words);
    private(&root.join("passphrase"), "four words by chance\n");
    let lock = [
        "wallet",
        "encrypt",
        "--in",
        "words",
        "--passphrase-file",
        "passphrase",
        "--out",
        "wallet.pem",
    ];
    let (output, said) = ended(by_shell(&home, "umask 022", &lock)).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let at = said.find("allo1").unwrap();
    let address = said[at..].split_whitespace().next().unwrap();
    let locked = root.join("wallet.pem");
    assert_eq!(fs::metadata(&locked).unwrap().mode() & 0o777, 0o600);
    assert_eq!(planted.found_in(&fs::read(&locked).unwrap()), None);
    let (output, said) = ended(by_shell(&home, "umask 022", &lock)).await;
    assert_eq!(
        output.status.code(),
        Some(78),
        "it is not overwritten: {said}"
    );

    fs::remove_file(root.join("words")).unwrap();
    let run = [
        "run",
        "--network",
        "devnet",
        "--prices",
        "data/btcusd_1h_2023-01_2025-12.csv",
    ];
    private(&root.join(".env"), "PRIVATE_KEY_FILE=wallet.pem\n");
    let (output, said) = ended(by_shell(&home, "umask 022", &run)).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("WALLET_PASSPHRASE_FILE"), "{said}");

    private(
        &root.join(".env"),
        "PRIVATE_KEY_FILE=wallet.pem\nWALLET_PASSPHRASE_FILE=passphrase\n",
    );
    let mut command = home.command(&run);
    command
        .env_remove("PRIVATE_KEY")
        .stdout(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    let loaded = home.told("environment_loaded", 1).await;
    assert_eq!(loaded[0]["address"], address);
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn the_demos_chain_is_not_opened_to_others_unasked() {
    let home = Home::new();
    let chain = ["devnet", "--listen", "0.0.0.0:0"];
    let (output, said) = home.run(&chain).await;
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("--expose") && said.contains("127.0.0.1"),
        "{said}"
    );
    let models = ["devnet", "--models", "--models-listen", "0.0.0.0:0"];
    let (output, said) = home.run(&[&models[..], &["--expose"]].concat()).await;
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("127.0.0.1"), "{said}");
}

#[tokio::test]
async fn an_opened_chain_asks_for_its_token_and_a_worker_that_knows_it_answers() {
    let chain = Home::new();
    let args = ["devnet", "--listen", "127.0.0.1:0", "--expose"];
    let mut child = chain.command(&args).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut urls = Vec::new();
    while urls.len() < 2 {
        let line = said.next_line().await.unwrap().unwrap();
        let words = line.split_whitespace();
        urls.extend(words.filter(|it| it.contains("token=")).map(str::to_owned));
    }
    let (_, token) = urls[0].split_once("token=").unwrap();
    let address = urls[0].trim_start_matches("http://").split('/').next();
    let address = address.unwrap();
    assert_eq!(token.len(), 32);
    for (target, header, status) in [
        ("/status", "", 401),
        ("/websocket", "", 401),
        ("/status?token=0123456789abcdef0123456789abcdef", "", 401),
        ("/status", "Authorization: Bearer wrong\r\n", 401),
        (
            "/status",
            &format!("Authorization: Bearer {token}\r\n"),
            200,
        ),
        (&format!("/?token={token}"), "", 200),
    ] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: x\r\n{header}Connection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{target} {header}: {answer}");
    }

    let home = Home::new();
    let [rpc, ws] = [&urls[0], &urls[1]];
    let args = [
        "run",
        "--network",
        "localnet",
        "--chain-id",
        "allora-devnet-1",
    ];
    let prices = "data/btcusd_1h_2023-01_2025-12.csv";
    let more = ["--rpc", rpc, "--ws", ws, "--prices", prices];
    let worker = home.start(&[&args[..], &more].concat());
    home.told("counted", 1).await;
    for path in files_below(&home.folder.path().join("data/artifacts")) {
        let content = fs::read(&path).unwrap_or_default();
        let is_told = String::from_utf8_lossy(&content).contains(token);
        assert!(!is_told, "{}", path.display());
    }
    assert_eq!(terminate(worker).await, Some(0));
    terminate(child).await;
}
