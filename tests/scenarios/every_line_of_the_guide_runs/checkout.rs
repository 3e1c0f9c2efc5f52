//! A checkout with the program built, whose testnet is an embedded chain of this process.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use allora_worker::{
    devnet::{Control, Devnet, DevnetConfig, DevnetHandle, DevnetTopic},
    types::TopicId,
};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What only root may do happens in a folder of the checkout's own, which stands for the system.
const SUDO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
system=$HOME/system
case $1 in
    scripts/install_service.sh) exec "$@" --root "$system" ;;
    dpkg) for package in "${@:3}"; do dpkg-deb -x "$package" "$system"; done ;;
    install) exec "${@:1:$#-1}" "$system${!#}" ;;
    systemctl | journalctl)
        unit=${3/@*/@}
        [[ $1 == systemctl ]] || unit=$3
        compgen -G "$system/*/systemd/system/${unit%.service}.service" >/dev/null ||
            compgen -G "$system/usr/lib/systemd/system/${unit%.service}.service" >/dev/null
        echo "$* (in $system)"
        ;;
    *) echo "sudo $1 is not stood in for" >&2; exit 1 ;;
esac
"#;

/// What the faucet gives: 10 ALLO.
const GIFT: u128 = 10_000_000_000_000_000_000;

pub(super) struct Checkout {
    folder: TempDir,
    _devnet: Devnet,
}

impl Checkout {
    pub(super) async fn new() -> Self {
        let devnet = Devnet::start(DevnetConfig {
            chain_id: "allora-testnet-1".into(),
            topics: vec![DevnetTopic {
                id: TopicId(67),
                ..DevnetTopic::default()
            }],
            block_time: Duration::from_millis(250),
            prices: Some(([127, 0, 0, 1], 0).into()),
            ..DevnetConfig::default()
        })
        .await
        .expect("a chain");
        let faucet = faucet(devnet.handle()).await;
        let folder = TempDir::new().expect("a folder");
        copy(folder.path());
        let network = format!(
            "chain_id = \"allora-testnet-1\"\nrpc = [\"{}\"]\nws = [\"{}\"]\ngas_price_floor = 10\ndenom = \"uallo\"\nfaucet = \"{faucet}\"\n",
            devnet.rpc_url(),
            devnet.ws_url()
        );
        fs::write(folder.path().join("config/networks/testnet.toml"), network).expect("a file");
        let prices = devnet.prices_url().expect("prices");
        let worker = folder.path().join("config/worker.toml");
        let shipped = fs::read_to_string(&worker).expect("the configuration");
        let ours = shipped
            .replace("https://api.tiingo.com", &prices)
            .replace("https://api.exchange.coinbase.com", &prices);
        assert_ne!(ours, shipped, "prices would be asked of the world");
        fs::write(worker, ours).expect("a file");
        Self {
            folder,
            _devnet: devnet,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where programs are found: the worker is installed, and what only root may do is stood in for.
    pub(super) fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }
}

/// What git has of it, as far as a reader's lines need it, and the program where cargo puts it.
fn copy(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["start_worker.sh", "stop_worker.sh", ".env.example"] {
        fs::copy(from.join(name), to.join(name)).expect("a copy");
    }
    for name in ["config", "scripts", "forecasters"] {
        copy_folder(&from.join(name), &to.join(name));
    }
    fs::create_dir(to.join("data")).expect("a folder");
    let prices = "data/btcusd_1h_2023-01_2025-12.csv";
    symlink(from.join(prices), to.join(prices)).expect("a link");
    let program = env!("CARGO_BIN_EXE_allora-worker");
    for folder in ["target/release", "programs"] {
        fs::create_dir_all(to.join(folder)).expect("a folder");
        symlink(program, to.join(folder).join("allora-worker")).expect("a link");
    }
    let sudo = to.join("programs/sudo");
    fs::write(&sudo, SUDO).expect("a file");
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).expect("its mode");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// A faucet that gives to whoever asks; gives its address.
async fn faucet(chain: DevnetHandle) -> String {
    let router = Router::new()
        .route("/", post(give))
        .route("/{*any}", post(give))
        .with_state(Arc::new(chain));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// It is asked with a form.
async fn give(State(chain): State<Arc<DevnetHandle>>, asked: String) -> Json<Value> {
    let mut fields = asked.split('&');
    let address = fields.find_map(|field| field.strip_prefix("address="));
    let address = address.expect("an address").to_owned();
    let order = Control::Fund {
        address,
        balance: GIFT,
    };
    chain.control(order).await.expect("the chain");
    Json(json!({"status": "ok"}))
}
