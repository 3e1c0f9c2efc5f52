//! The chain that a run answers on: reached, embedded, guarded.

use std::sync::Arc;

use crate::{
    chain::Signer,
    cli::{failure::Failure, rooms, standby::Standby},
    clock::SharedClock,
    config::Settings,
    devnet::{Control, Devnet, DevnetConfig},
    leash::Leash,
    ops::{Event, OpsError, Reporter, WalletLock},
    store::{Journal, Store},
    types::TopicId,
    worker::{Chain, StartError, connect_leashed},
};

/// The chain, which is sent nothing past the end of the wallet's lease. `was_here`: whether an earlier run
/// has answered on it.
pub(super) async fn connect(
    settings: &Settings,
    signer: Signer,
    topics: &[TopicId],
    reporter: &Reporter,
    (standby, was_here): (Option<&Standby>, bool),
) -> Result<Arc<Chain>, StartError> {
    let leash = standby.map_or_else(Leash::unlimited, Standby::leash);
    let (nodes, network) = (&settings.chain, settings.network.clone());
    connect_leashed(nodes, network, signer, topics, reporter, leash, was_here).await
}

/// Whether an earlier run has answered on this chain.
pub(super) async fn has_answered(
    settings: &Settings,
    address: &str,
    journal: &dyn Journal,
) -> bool {
    let recent = journal.recent(&rooms::wallet(settings, address), 1).await;
    recent.is_ok_and(|found| !found.is_empty())
}

/// The wallet's lock on this host. An embedded chain is this process's own: nobody else can spend from its
/// wallet.
pub(super) fn guard(
    settings: &Settings,
    address: &str,
    standby: Option<&Standby>,
) -> Result<Option<WalletLock>, OpsError> {
    let (network, artifacts) = (&settings.network, &settings.artifacts);
    if network.rpc.is_empty() {
        return Ok(None);
    }
    let lock = match standby {
        Some(it) => WalletLock::share(&network.chain_id, address, artifacts, it.place())?,
        None => WalletLock::acquire(&network.chain_id, address, artifacts)?,
    };
    Ok(Some(lock))
}

/// Each start of the embedded chain is a new one: what went to the last one is lost with it.
pub(super) async fn forget_last_chain(
    settings: &Settings,
    address: &str,
    journal: &Store,
    clock: &SharedClock,
    reporter: &Reporter,
) {
    let wallet = rooms::wallet(settings, address);
    let aside = format!("{}, before {}", wallet.chain_id, clock.now());
    if let Err(error) = journal.set_aside(&wallet, &aside).await {
        reporter.emit(Event::Trouble {
            cause: format!("the last embedded chain's submissions stay in the journal: {error}"),
            remedy: "free or repair the disk; windows are answered all the same".into(),
        });
    }
}

/// Starts the embedded chain when the network has no endpoints, and points the settings at it. For a
/// dry run, which registers nothing, the wallet is registered there.
pub(super) async fn embedded_chain(
    settings: &mut Settings,
    address: &str,
    register: bool,
) -> Result<Option<Devnet>, Failure> {
    let network = &mut settings.network;
    if !(network.rpc.is_empty() && network.ws.is_empty()) {
        return Ok(None);
    }
    let topics = settings
        .topics
        .iter()
        .map(|topic| rooms::devnet_topic(topic.id));
    let devnet = Devnet::start(DevnetConfig {
        chain_id: network.chain_id.clone(),
        topics: topics.collect(),
        funded: vec![(address.to_owned(), rooms::POCKET_MONEY.0)],
        ..DevnetConfig::default()
    })
    .await?;
    for topic in settings.topics.iter().filter(|_| register) {
        let (topic, address) = (topic.id, address.to_owned());
        let order = Control::Register {
            topic,
            address,
            registered: true,
        };
        devnet.control(order).await?;
    }
    network.rpc = vec![devnet.rpc_url()];
    network.ws = vec![devnet.ws_url()];
    Ok(Some(devnet))
}
