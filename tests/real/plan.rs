//! What a private chain is made of, before it is started.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    gate::Release,
    ledger::TOPIC,
    node::{EPOCH, Endpoint, Node, WINDOW},
    script::Script,
};

/// What a chain is made of, before it is started.
#[derive(Clone, Debug)]
pub(crate) struct Plan<'a> {
    release: Release,
    topics: u64,
    is_staggered: bool,
    has_second: bool,
    places: u32,
    /// Blocks of an epoch and of a window.
    pace: (i64, i64),
    labels: Option<&'static str>,
    upgrade: Option<&'a Path>,
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
            pace: (EPOCH, WINDOW),
            labels: None,
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

    /// With so many blocks from one window to the next, and in a window.
    pub(crate) const fn paced(mut self, epoch: i64, window: i64) -> Self {
        self.pace = (epoch, window);
        self
    }

    /// With topics that take a value for each of these labels, which commas part.
    pub(crate) const fn labels(mut self, labels: &'static str) -> Self {
        self.labels = Some(labels);
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
            self.pace.0.max(count + 4)
        } else {
            self.pace.0
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
            ("LOCALNET_WINDOW", self.pace.1.to_string()),
            ("LOCALNET_TOPICS", self.topics.to_string()),
            ("LOCALNET_TOP_INFERERS", self.places.to_string()),
            ("LOCALNET_FORGET", "1".to_owned()),
        ];
        environment.push(("ALLORA_NODE_BIN", binary.display().to_string()));
        if let Some(target) = &self.upgrade {
            environment.push(("ALLORA_UPGRADE_BIN", target.display().to_string()));
        }
        if let Some(labels) = self.labels {
            environment.push(("LOCALNET_LABELS", labels.to_owned()));
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
            environment,
            script: Mutex::new(script),
            turn: Mutex::new(()),
        }
    }
}

/// The first of `count` neighbouring ports that are free at present.
pub(crate) fn free_ports(count: u16) -> u16 {
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
