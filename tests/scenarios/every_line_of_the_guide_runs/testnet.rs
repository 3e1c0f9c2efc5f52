//! The testnet of a checkout: an embedded chain of this process, with a faucet and prices.

use std::{fs, sync::Arc, time::Duration};

use allora_worker::{
    devnet::{Control, Devnet, DevnetConfig, DevnetHandle, DevnetTopic},
    types::TopicId,
};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};

use crate::guide::checkout::Checkout;

/// What the faucet gives: 10 ALLO.
const GIFT: u128 = 10_000_000_000_000_000_000;

/// A chain, while it is held.
pub(super) struct Testnet {
    _chain: Devnet,
}

impl Testnet {
    /// Begins, and is what a checkout's configuration calls the testnet, and its sources of prices.
    pub(super) async fn of(checkout: &Checkout) -> Self {
        let chain = Devnet::start(DevnetConfig {
            chain_id: "allora-testnet-1".into(),
            topics: vec![DevnetTopic {
                id: TopicId(67),
                ..DevnetTopic::default()
            }],
            block_time: Duration::from_millis(250),
            prices: Some(([127, 0, 0, 1], 0).into()),
            ..DevnetConfig::default()
        });
        let chain = chain.await.expect("a chain");
        let faucet = faucet(chain.handle()).await;
        let network = format!(
            "chain_id = \"allora-testnet-1\"\nrpc = [\"{}\"]\nws = [\"{}\"]\ngas_price_floor = 10\ndenom = \"uallo\"\nfaucet = \"{faucet}\"\n",
            chain.rpc_url(),
            chain.ws_url()
        );
        let path = checkout.path().join("config/networks/testnet.toml");
        fs::write(path, network).expect("a file");
        let prices = chain.prices_url().expect("prices");
        let worker = checkout.path().join("config/worker.toml");
        let shipped = fs::read_to_string(&worker).expect("the configuration");
        let ours = shipped
            .replace("https://api.tiingo.com", &prices)
            .replace("https://api.exchange.coinbase.com", &prices);
        assert_ne!(ours, shipped, "prices would be asked of the world");
        fs::write(worker, ours).expect("a file");
        Self { _chain: chain }
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
