//! Everything that is asked of the chain, each as soon as it can be.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{
    Area, Check, Look, Tell,
    chain::{Chain, Found},
    funds, nodes, topics,
};
use crate::{
    chain::{ChainConfig, ChainError, NetworkConfig, Version, feed::TrialOf, redacted},
    config::Settings,
    tls::Trust,
    types::TopicId,
    worker::{Period, Phase},
};

/// The time between two blocks where it can't be measured.
const USUAL_BLOCK: Duration = Duration::from_secs(5);
/// Stands for the wallet where its address is not known.
const NOBODY: &str = "allo1nobody";

/// The endpoints, then what they tell.
pub(super) async fn nodes(look: &Look, tell: &Tell) {
    let Some(settings) = look.settings() else {
        return;
    };
    let network = &settings.network;
    if network.rpc.is_empty() && network.ws.is_empty() {
        let what = "embedded: there is nothing to reach, and coins are given at each start";
        let _ = tell.send(vec![Check::ok(Area::Nodes, "chain", what)]);
        return;
    }
    let trust = match Trust::with_file(settings.chain.ca_file.as_deref()) {
        Ok(trust) => trust,
        Err(error) => {
            let (what, remedy) = super::config::halves(&error.to_string());
            let what = format!("chain.ca_file: {what}");
            let check = Check::error(Area::Nodes, "authorities", what, remedy);
            let _ = tell.send(vec![check.ends_a_start()]);
            return;
        }
    };
    let limit = settings.chain.request_timeout.min(look.plan.effort.answer);
    let asked = nodes::ask(&network.rpc, limit, &trust).await;
    let was_here = look.was_here().await;
    let mut said = nodes::judge(&asked, &network.chain_id, was_here);
    said.extend(nodes::judge_clock(&asked, &network.chain_id));
    let _ = tell.send(said);
    let config = ChainConfig {
        request_timeout: limit,
        ..settings.chain.clone()
    };
    let chain = open(&asked, network, &config, &trust, tell).await;
    let version = chain.as_ref().map_or(Version::V10, Chain::version);
    let subscribed = sockets(look, &config, network, version, tell);
    let told = async {
        if let Some(chain) = &chain {
            ask(look, settings, chain, tell).await;
        }
    };
    tokio::join!(subscribed, told);
}

/// The sound nodes as one chain.
async fn open(
    asked: &[nodes::Node],
    network: &NetworkConfig,
    config: &ChainConfig,
    trust: &Trust,
    tell: &Tell,
) -> Option<Chain> {
    let both = || asked.iter().zip(&network.rpc);
    let sound = both().filter(|(node, _)| node.is_sound(&network.chain_id));
    let urls: Vec<String> = sound.map(|(_, url)| url.clone()).collect();
    let heads = asked.iter().filter(|it| it.is_sound(&network.chain_id));
    let heads = heads.filter_map(|it| it.said.as_ref().ok());
    let head = heads
        .max_by_key(|it| it.height)
        .map(|it| (it.height, it.time));
    let Some(head) = head else {
        let what = "not asked: no endpoint can tell";
        let remedy = "mend the endpoints first; a worker asks again by itself";
        let unknown = [(Area::Topics, "topics"), (Area::Funds, "balance")];
        let unknown = unknown.map(|(area, name)| Check::warning(area, name, what, remedy));
        let _ = tell.send(unknown.into());
        return None;
    };
    match Chain::open(&urls, network, config, head, trust).await {
        Ok(chain) => {
            let name = chain.version().name();
            let what = format!("{} speaks emissions {name}", network.chain_id);
            let _ = tell.send(vec![Check::ok(Area::Nodes, "chain", what)]);
            Some(chain)
        }
        Err(error) => {
            let _ = tell.send(vec![failed(Area::Nodes, "chain", &error)]);
            None
        }
    }
}

fn failed(area: Area, name: &str, error: &ChainError) -> Check {
    let (what, remedy) = super::config::halves(&error.to_string());
    Check::error(area, name, what, remedy)
}

async fn sockets(
    look: &Look,
    config: &ChainConfig,
    network: &NetworkConfig,
    version: Version,
    tell: &Tell,
) {
    let effort = look.plan.effort;
    let address = look.plan.address.as_deref().unwrap_or(NOBODY);
    let tried = network
        .ws
        .iter()
        .enumerate()
        .map(|(index, url)| async move {
            let trial = TrialOf {
                url,
                chain_id: &network.chain_id,
                address,
                version,
                setup: effort.setup,
                block: effort.block,
            };
            nodes::Socket {
                name: format!("WebSocket {}", index + 1),
                url: redacted(url),
                tried: trial.run(config).await,
            }
        });
    let tried = join_all(tried).await;
    let _ = tell.send(nodes::judge_sockets(&tried, effort.block));
}

/// Topics, standing and purse.
async fn ask(look: &Look, settings: &Settings, chain: &Chain, tell: &Tell) {
    let address = look.plan.address.as_deref();
    // Several questions stand one behind the other in each.
    let limit = look.plan.effort.answer * 2;
    let late = || ChainError::Unreachable {
        tried: vec![format!("no answer within {} s", limit.as_secs())],
    };
    let ids = settings.topics.iter().map(|it| it.id);
    let found = ids.map(|id| async move {
        let found = timeout(limit, chain.topic(id, address)).await;
        (id, found.unwrap_or_else(|_| Err(late())))
    });
    let purse = timeout(limit, chain.purse(address));
    let measured = timeout(limit, chain.block_time());
    let (found, purse, measured) = tokio::join!(join_all(found), purse, measured);
    let purse = purse.unwrap_or_else(|_| Err(late()));
    let own: Vec<TopicId> = settings
        .topics
        .iter()
        .filter(|it| it.forecaster.is_some())
        .map(|it| it.id)
        .collect();
    let block_time = measured.ok().flatten();
    let view = topics::View {
        chain_id: &settings.network.chain_id,
        height: chain.height,
        time: chain.time,
        block_time,
        registers: settings.worker.auto_register,
        registration_fee: purse.as_ref().ok().map(|it| it.registration_fee),
        own_forecasters: &own,
    };
    let said = found.iter().flat_map(|(id, found)| match found {
        Ok(found) => topics::judge(found, &view),
        Err(error) => vec![failed(Area::Topics, &format!("topic {id}"), error)],
    });
    let _ = tell.send(said.collect());
    let known: Vec<&Found> = found.iter().filter_map(|it| it.1.as_ref().ok()).collect();
    let said = match &purse {
        Ok(purse) => {
            let bill = bill(look, settings, &known, block_time.unwrap_or(USUAL_BLOCK));
            funds::judge(purse, &bill.as_bill(settings))
        }
        Err(error) => vec![failed(Area::Funds, "balance", error)],
    };
    let _ = tell.send(said);
}

/// What a bill is made of.
struct Costs {
    left: Duration,
    end: Option<time::OffsetDateTime>,
    epochs: Vec<Duration>,
    registrations: u32,
    source: String,
}

impl Costs {
    fn as_bill<'a>(&'a self, settings: &'a Settings) -> funds::Bill<'a> {
        funds::Bill {
            fees: &settings.fees,
            left: self.left,
            end: self.end,
            epochs: &self.epochs,
            registrations: self.registrations,
            source: &self.source,
        }
    }
}

fn bill(look: &Look, settings: &Settings, known: &[&Found], block: Duration) -> Costs {
    let period = settings.competition.as_ref().map(|it| Period {
        start: it.start,
        end: it.end,
    });
    let left = match period.map(|it| (it, it.phase(look.now))) {
        None => funds::WITHOUT_END,
        Some((_, Phase::Over)) => Duration::ZERO,
        Some((_, Phase::Running(left))) => left.unsigned_abs(),
        Some((period, Phase::Before(_))) => (period.end - period.start).unsigned_abs(),
    };
    let epochs = known.iter().filter_map(|it| {
        let blocks = u32::try_from(it.topic.as_ref()?.epoch_length).ok()?;
        (blocks > 0).then(|| block.saturating_mul(blocks))
    });
    let unregistered = known.iter().filter(|it| {
        let status = it.status.as_ref();
        status.is_some_and(|status| !status.is_registered)
    });
    let registrations = match settings.worker.auto_register {
        true => u32::try_from(unregistered.count()).unwrap_or(u32::MAX),
        false => 0,
    };
    Costs {
        left,
        end: period.map(|it| it.end),
        epochs: epochs.collect(),
        registrations,
        source: source(
            settings,
            look.plan.address.as_deref().unwrap_or("the wallet"),
        ),
    }
}

/// How coins are had.
fn source(settings: &Settings, address: &str) -> String {
    match (&settings.network.faucet, settings.network_name.as_str()) {
        (Some(faucet), _) => format!("`wallet faucet` asks {faucet} for test coins for {address}"),
        (None, "localnet") => format!("scripts/localnet.sh fund {address} 10"),
        (None, _) => format!("send ALLO to {address}"),
    }
}
