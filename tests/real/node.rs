//! A private node with topic 67, started by `scripts/localnet.sh run`.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError, atomic::AtomicU32, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::gate;

const START: Duration = Duration::from_secs(120);

/// Blocks from one window to the next on the tests' chains.
pub(crate) const EPOCH: i64 = 8;
/// Blocks in which a window takes submissions.
pub(crate) const WINDOW: i64 = 5;

/// A running node. It ends with its last user: when this is dropped, and also when this process
/// ends in any way, because the script stops the node at the end of its standard input.
pub(crate) struct Node {
    /// `http://127.0.0.1:PORT`.
    pub(crate) rpc: String,
    /// `ws://127.0.0.1:PORT/websocket`.
    pub(crate) ws: String,
    /// An id that no other chain on this machine bears.
    pub(crate) chain_id: String,
    environment: Vec<(&'static str, String)>,
    script: Mutex<Script>,
    faucet: Mutex<()>,
}

struct Script {
    child: Child,
    lifeline: Option<ChildStdin>,
}

/// The node that all tests share which need nothing special of the chain.
pub(crate) fn shared() -> Option<&'static Node> {
    static SHARED: OnceLock<Node> = OnceLock::new();
    let binary = gate::node_binary()?;
    Some(SHARED.get_or_init(|| Node::start(&binary, 32)))
}

impl Node {
    /// Starts a node whose windows have `places` for inferers, and waits until its topic is there.
    pub(crate) fn start(binary: &Path, places: u32) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{count}", std::process::id());
        let port = free_port();
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("node-{name}"));
        let chain_id = format!("allora-test-{name}");
        let environment = vec![
            ("LOCALNET_HOME", home.display().to_string()),
            ("LOCALNET_PORT", port.to_string()),
            ("LOCALNET_CHAIN_ID", chain_id.clone()),
            ("LOCALNET_EPOCH", EPOCH.to_string()),
            ("LOCALNET_WINDOW", WINDOW.to_string()),
            ("LOCALNET_TOP_INFERERS", places.to_string()),
            ("LOCALNET_FORGET", "1".to_owned()),
            ("ALLORA_NODE_BIN", binary.display().to_string()),
        ];
        let script = Script::start(&environment, &home.with_extension("log"));
        Self {
            rpc: format!("http://127.0.0.1:{port}"),
            ws: format!("ws://127.0.0.1:{port}/websocket"),
            chain_id,
            environment,
            script: Mutex::new(script),
            faucet: Mutex::new(()),
        }
    }

    /// Sends coins and waits until they are there.
    pub(crate) fn fund(&self, address: &str, allo: u64) {
        // The faucet's account has one sequence: one transaction at a time.
        let _turn = self.faucet.lock().unwrap_or_else(PoisonError::into_inner);
        let output = localnet(&self.environment)
            .args(["fund", address, &allo.to_string()])
            .stdin(Stdio::null())
            .output()
            .expect("bash runs scripts/localnet.sh");
        assert!(
            output.status.success(),
            "funding {address} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
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

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    listener.local_addr().expect("a bound port").port()
}
