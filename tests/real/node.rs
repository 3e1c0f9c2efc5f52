//! Private chains of one or two nodes with one or many topics, started by `scripts/localnet.sh run`.

use std::{
    ops::RangeInclusive,
    process::{Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use crate::{
    gate,
    plan::Plan,
    script::{Environment, Script, localnet},
};

/// Blocks from one window to the next on the tests' chains.
pub(crate) const EPOCH: i64 = 8;
/// Blocks in which a window takes submissions.
pub(crate) const WINDOW: i64 = 5;

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
    /// What the script was started with.
    pub(crate) environment: Environment,
    /// Held for as long as the chain shall run.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    pub(crate) script: Mutex<Script>,
    /// Whose turn it is to give an order.
    pub(crate) turn: Mutex<()>,
}

/// Where a node answers.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// `http://127.0.0.1:PORT`.
    pub(crate) rpc: String,
    /// `ws://127.0.0.1:PORT/websocket`.
    pub(crate) ws: String,
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
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = localnet(&self.environment);
        let settings = settings.iter().map(|(name, value)| (name, value));
        self.run(command.args(arguments).envs(settings), arguments)
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
