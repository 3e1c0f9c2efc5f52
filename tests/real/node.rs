//! Private chains of one or two nodes with one or many topics, started by `scripts/localnet.sh run`.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::TcpListener,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError, atomic::AtomicU32, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::{
    gate::{self, Release},
    ledger::TOPIC,
};

const START: Duration = Duration::from_secs(240);

/// Blocks from one window to the next on the tests' chains.
pub(crate) const EPOCH: i64 = 8;
/// Blocks in which a window takes submissions.
pub(crate) const WINDOW: i64 = 5;

/// What a chain is made of, before it is started.
#[derive(Clone, Debug)]
pub(crate) struct Plan<'a> {
    release: Release,
    topics: u64,
    is_staggered: bool,
    has_second: bool,
    places: u32,
    upgrade: Option<&'a Path>,
}

/// A running chain. It ends with its last user: when this is dropped, and also when this process
/// ends in any way, because the script stops the node at the end of its standard input.
pub(crate) struct Node {
    /// The validator's RPC: `http://127.0.0.1:PORT`.
    pub(crate) rpc: String,
    /// Its WebSocket: `ws://127.0.0.1:PORT/websocket`.
    pub(crate) ws: String,
    /// Where the second node answers, if there is one.
    pub(crate) second: Option<Endpoint>,
    /// `http://127.0.0.1:PORT` of the validator's gRPC.
    pub(crate) grpc: String,
    /// An id that no other chain on this machine bears.
    pub(crate) chain_id: String,
    /// The topics' numbers.
    pub(crate) topics: RangeInclusive<u64>,
    /// Blocks from one window of a topic to its next.
    pub(crate) epoch: i64,
    home: PathBuf,
    environment: Vec<(&'static str, String)>,
    script: Mutex<Script>,
    faucet: Mutex<()>,
}

/// Where a node answers.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// `http://127.0.0.1:PORT`.
    pub(crate) rpc: String,
    /// `ws://127.0.0.1:PORT/websocket`.
    pub(crate) ws: String,
}

struct Script {
    child: Child,
    lifeline: Option<ChildStdin>,
}

/// The node that all tests share which need nothing special of the chain.
pub(crate) fn shared() -> Option<&'static Node> {
    static SHARED: OnceLock<Node> = OnceLock::new();
    let binary = gate::node_binary()?;
    Some(SHARED.get_or_init(|| Plan::new().start(&binary)))
}

impl Endpoint {
    /// The endpoint on a port of loopback.
    pub(crate) fn at(port: u16) -> Self {
        Self {
            rpc: format!("http://127.0.0.1:{port}"),
            ws: format!("ws://127.0.0.1:{port}/websocket"),
        }
    }
}

impl<'a> Plan<'a> {
    /// One validator of the newest release with one topic, and places for 32 inferers.
    pub(crate) const fn new() -> Self {
        Self {
            release: Release::Newest,
            topics: 1,
            is_staggered: false,
            has_second: false,
            places: 32,
            upgrade: None,
        }
    }

    /// Of this release.
    pub(crate) const fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// With so many topics, whose windows open in the same block, and in which the first wallet is
    /// registered.
    pub(crate) const fn topics(mut self, topics: u64) -> Self {
        self.topics = topics;
        self
    }

    /// With the topics' windows one block after the other.
    pub(crate) const fn staggered(mut self) -> Self {
        self.is_staggered = true;
        self
    }

    /// With a second node that validates nothing.
    pub(crate) const fn second(mut self) -> Self {
        self.has_second = true;
        self
    }

    /// With a binary that `upgrade` starts.
    pub(crate) const fn upgradable(mut self, target: &'a Path) -> Self {
        self.upgrade = Some(target);
        self
    }

    /// With so many places for inferers in each window.
    pub(crate) const fn places(mut self, places: u32) -> Self {
        self.places = places;
        self
    }

    /// Starts it with a binary of its release, and waits until its topics are there.
    pub(crate) fn start(self, binary: &Path) -> Node {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{count}", std::process::id());
        // RPC, gRPC and p2p of the first node, then of the second.
        let port = free_ports(6);
        let (grpc, second) = (port + 1, port + 3);
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("node-{name}"));
        let chain_id = format!("allora-test-{name}");
        let count = i64::try_from(self.topics).expect("few topics");
        // Staggered, the windows of an epoch take a block each.
        let epoch = if self.is_staggered {
            EPOCH.max(count + 4)
        } else {
            EPOCH
        };
        let mut environment = vec![
            ("LOCALNET_HOME", home.display().to_string()),
            ("LOCALNET_PORT", port.to_string()),
            ("LOCALNET_GRPC_PORT", grpc.to_string()),
            ("LOCALNET_P2P_PORT", (port + 2).to_string()),
            ("LOCALNET_NODE2_PORT", second.to_string()),
            ("LOCALNET_NODE_VERSION", self.release.version().to_owned()),
            ("LOCALNET_CHAIN_ID", chain_id.clone()),
            ("LOCALNET_EPOCH", epoch.to_string()),
            ("LOCALNET_WINDOW", WINDOW.to_string()),
            ("LOCALNET_TOPICS", self.topics.to_string()),
            ("LOCALNET_TOP_INFERERS", self.places.to_string()),
            ("LOCALNET_FORGET", "1".to_owned()),
        ];
        environment.push(("ALLORA_NODE_BIN", binary.display().to_string()));
        if let Some(target) = &self.upgrade {
            environment.push(("ALLORA_UPGRADE_BIN", target.display().to_string()));
        }
        for (is_set, name) in [
            (self.is_staggered, "LOCALNET_ACTIVE_PER_BLOCK"),
            (self.has_second, "LOCALNET_NODE2"),
            (self.topics > 1, "LOCALNET_REGISTER"),
        ] {
            if is_set {
                environment.push((name, "1".to_owned()));
            }
        }
        let script = Script::start(&environment, &home.with_extension("log"));
        let Endpoint { rpc, ws } = Endpoint::at(port);
        Node {
            rpc,
            ws,
            second: self.has_second.then(|| Endpoint::at(second)),
            grpc: format!("http://127.0.0.1:{grpc}"),
            chain_id,
            topics: TOPIC..=TOPIC + self.topics - 1,
            epoch,
            home,
            environment,
            script: Mutex::new(script),
            faucet: Mutex::new(()),
        }
    }
}

impl Node {
    /// Sends coins and waits until they are there.
    pub(crate) fn fund(&self, address: &str, allo: u64) {
        self.order(&["fund", address, &allo.to_string()]);
    }

    /// Runs a subcommand of the script on this chain and gives what it printed. It must succeed.
    pub(crate) fn order(&self, arguments: &[&str]) -> String {
        self.order_with(arguments, &[])
    }

    /// As [`Node::order`], with more settings.
    pub(crate) fn order_with(&self, arguments: &[&str], settings: &[(&str, String)]) -> String {
        // The admin's account has one sequence: one order at a time.
        let _turn = self.faucet.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = localnet(&self.environment);
        let settings = settings.iter().map(|(name, value)| (name, value));
        self.run(command.args(arguments).envs(settings), arguments)
    }

    /// Sends a transaction of the admin's; it is in a block soon after.
    pub(crate) fn admin(&self, binary: &Path, arguments: &[&str]) {
        let _turn = self.faucet.lock().unwrap_or_else(PoisonError::into_inner);
        let node = self.rpc.replacen("http", "tcp", 1);
        let mut command = Command::new(binary);
        command
            .arg("--home")
            .arg(&self.home)
            .arg("tx")
            .args(arguments)
            .args(["--from", "admin", "--keyring-backend", "test", "--yes"])
            .args(["--chain-id", &self.chain_id, "--node", &node])
            .args([
                "--gas",
                "500000",
                "--gas-prices",
                "20uallo",
                "--output",
                "json",
            ]);
        let answer = self.run(&mut command, arguments);
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("the node's JSON");
        assert_eq!(answer["code"], 0, "{arguments:?} was refused: {answer}");
    }

    fn run(&self, command: &mut Command, arguments: &[&str]) -> String {
        let output = command.stdin(Stdio::null()).output();
        let output = output.expect("the program runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?} failed on {}: {printed}{}",
            self.chain_id,
            String::from_utf8_lossy(&output.stderr)
        );
        printed
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let script = self
            .script
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        drop(script.lifeline.take());
        // Bounded by the script: it kills a node that does not stop within ten seconds.
        let _ = script.child.wait();
    }
}

impl Script {
    fn start(environment: &[(&'static str, String)], errors: &Path) -> Self {
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

fn localnet(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/localnet.sh"))
        .envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// The first of `count` neighbouring ports that are free at present.
fn free_ports(count: u16) -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let port = first.local_addr().expect("a bound port").port();
        // Held together until all are known to be free.
        let others: Vec<_> = (1..count)
            .map_while(|next| TcpListener::bind(("127.0.0.1", port.checked_add(next)?)).ok())
            .collect();
        if others.len() + 1 == usize::from(count) {
            return port;
        }
    }
    panic!("no {count} neighbouring ports are free on loopback");
}
