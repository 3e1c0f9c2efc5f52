//! From a configuration to a chain that answers: what waiting can heal is waited for.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    Chain, Opening,
    budget::{DAY, Fee, Mark},
    upkeep::tell_balance,
};
use crate::{
    chain::{
        ChainConfig, ChainError, Emissions, FeeConfig, GasPrice, NetworkConfig, Rpc, Signer, Uallo,
        balance, fee_of, jsonrpc::SyncInfo, proto::emissions::Topic,
    },
    leash::Leash,
    ops::{Event, GaugeEvent, Need, Reporter},
    store::{Journal, Sent, StateName, StoreError},
    tls::Trust,
    types::{Height, TopicId},
};

/// Why a worker can't start. Waiting heals none of these.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The chain refuses us for good.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The journal can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A topic that is not there.
    #[error("the chain {chain_id} has no topic {topic}: check --topic and [[topics]]")]
    NoTopic {
        /// The chain's id.
        chain_id: String,
        /// The topic's number.
        topic: TopicId,
    },
    /// A topic that takes several values.
    #[error(
        "topic {topic} takes values for several labels ({labels}), and the built-in forecast and the models of a network give one number: give its [[topics]] entry a forecaster that answers {{\"values\": {{label: value}}}}, or leave it out of [[topics]]"
    )]
    ManyOutputs {
        /// The topic's number.
        topic: TopicId,
        /// Its labels.
        labels: String,
    },
    /// The labels to answer a topic with are not known, or not the topic's.
    #[error(
        "topic {topic}: {wrong}; the topic {listed}: correct the labels of its forecaster in [[topics]]"
    )]
    BadLabels {
        /// The topic's number.
        topic: TopicId,
        /// What is wrong.
        wrong: String,
        /// What the topic takes.
        listed: String,
    },
}

/// A pause before the chain is asked again.
const AGAIN: Duration = Duration::from_secs(5);
/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(60);
/// A node that is so many blocks behind may merely lag, whatever its clock says.
const MOST_LAG: i64 = 5;
/// Finished submissions that are read from the journal, so that their windows are not answered again.
const REMEMBERED: u32 = 1_000;

/// Connects to the chain. Nodes that don't answer are waited for; nodes of another chain are not.
///
/// # Errors
/// A wrong chain id, an endpoint that can't be used, a topic that does not exist.
pub async fn connect(
    config: &ChainConfig,
    network: NetworkConfig,
    signer: Signer,
    topics: &[TopicId],
    reporter: &Reporter,
) -> Result<Arc<Chain>, StartError> {
    connect_leashed(
        config,
        network,
        signer,
        topics,
        reporter,
        Leash::unlimited(),
        false,
    )
    .await
}

/// As [`connect`]; transactions are sent as long as `leash` allows it. With `was_here` the wallet has
/// answered on this very chain before: when all nodes name another one it is they who err, and they are
/// waited for.
///
/// # Errors
/// As those of [`connect`].
pub async fn connect_leashed(
    config: &ChainConfig,
    network: NetworkConfig,
    signer: Signer,
    topics: &[TopicId],
    reporter: &Reporter,
    leash: Leash,
    was_here: bool,
) -> Result<Arc<Chain>, StartError> {
    let trust = Trust::with_file(config.ca_file.as_deref()).map_err(ChainError::from)?;
    let rpc = Rpc::trusting(&network.rpc, config.request_timeout, &trust)?
        .hedged(config.hedge_least, config.hedge_after)
        .resting(config.rest_min, config.rest_max)
        .leashed(leash);
    let rpc = Arc::new(rpc);
    let passes = |error: &ChainError| {
        error.is_transient() || (was_here && matches!(error, ChainError::WrongChain { .. }))
    };
    let verified = || rpc.verify_chain(&network.chain_id);
    let troubles = patiently_while(passes, reporter, verified).await?;
    for (endpoint, cause) in troubles {
        reporter.emit(Event::NodeTrouble { endpoint, cause });
    }
    let emissions = patiently(reporter, || Emissions::detect(Arc::clone(&rpc))).await?;
    let mut known: Vec<Topic> = Vec::new();
    for &id in topics {
        let chain_id = network.chain_id.clone();
        let topic = patiently(reporter, || emissions.topic(id)).await?;
        known.push(topic.ok_or(StartError::NoTopic {
            chain_id,
            topic: id,
        })?);
    }
    let chain = Chain::new(rpc, emissions, signer, network, known);
    Ok(Arc::new(chain))
}

/// Waits until the wallet has an account with coins, and reads what an earlier run left.
pub(super) async fn open(
    chain: &Chain,
    journal: &dyn Journal,
    fees: &FeeConfig,
    topics: &[TopicId],
    reporter: &Reporter,
    now: OffsetDateTime,
) -> Result<Opening, StartError> {
    let (account, coins) = funded(chain, reporter).await?;
    let price = chain.gas_price().await;
    let status = patiently(reporter, || chain.rpc.status()).await?;
    let height = Height(status.sync_info.latest_block_height);
    reporter.emit(Event::WorkerInitialized {
        address: chain.signer.address().to_owned(),
        balance: coins,
        topics: topics.to_vec(),
        height,
        emissions: chain.emissions.version().name().to_owned(),
    });
    tell_balance(chain, reporter, coins, fees.low_balance);
    let left = left_behind(chain, journal, &status.sync_info, topics, reporter).await;
    // What a journal does not tell, the chain does: a window is asked about before it is answered.
    let (submissions, heard) = left.unwrap_or_else(|error| {
        reporter.emit(Event::Trouble {
            cause: format!("what an earlier run submitted can't be read: {error}"),
            remedy: "the chain is asked what it holds, and windows are answered all the same"
                .into(),
        });
        (Vec::new(), None)
    });
    let fees = paid(chain, journal, now, reporter).await;
    let price = price.unwrap_or_else(|_| GasPrice::floor(chain.network.gas_price_floor));
    Ok(Opening {
        account,
        coins,
        price,
        height,
        heard,
        submissions,
        fees,
    })
}

async fn funded(
    chain: &Chain,
    reporter: &Reporter,
) -> Result<(crate::chain::Account, Uallo), StartError> {
    let mut told = false;
    loop {
        let coins = patiently(reporter, || {
            balance(&chain.rpc, chain.signer.address(), &chain.network.denom)
        })
        .await?;
        match chain.account().await {
            Ok(account) if coins > Uallo(0) => return Ok((account, coins)),
            Ok(_) | Err(ChainError::NoAccount { .. }) => {}
            Err(error) if error.is_transient() => tell_waiting(reporter, &error, AGAIN),
            Err(error) => return Err(error.into()),
        }
        if !std::mem::replace(&mut told, true) {
            let remedy = format!("{}; waiting for them", chain.fund_remedy());
            let cause = format!("the wallet {} has no coins", chain.signer.address());
            tell_need(reporter, Need::Coins, &cause, &remedy);
            reporter.emit(Event::Trouble { cause, remedy });
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The journal's unfinished submissions, and the finished ones that a late event may name again; with
/// the newest block that an earlier run has heard of.
async fn left_behind(
    chain: &Chain,
    journal: &dyn Journal,
    node: &SyncInfo,
    topics: &[TopicId],
    reporter: &Reporter,
) -> Result<(Vec<crate::store::Submission>, Option<Height>), StoreError> {
    let wallet = chain.wallet();
    let recent = journal.recent(&wallet, REMEMBERED).await?;
    let now = OffsetDateTime::now_utc();
    // A submission may have been prepared for a block to come.
    let newest = recent.iter().find(|submission| {
        let state = submission.state.name();
        !matches!(state, StateName::Prepared | StateName::Superseded)
    });
    // A node that lags is older than our submission; only a chain that began anew is both younger
    // and lower.
    let anew = newest.filter(|submission| {
        submission.key.nonce.0 > node.latest_block_height + MOST_LAG
            && node.latest_block_time > submission.since
    });
    if let Some(newest) = anew.map(|submission| submission.key.nonce) {
        let aside = format!("{} until {}", wallet.chain_id, now.date());
        reporter.emit(Event::Trouble {
            cause: format!(
                "the chain {} is at height {}, before the journal's newest nonce {newest}: it began anew",
                wallet.chain_id, node.latest_block_height
            ),
            remedy: format!("the journal's old submissions are kept under {aside:?}"),
        });
        journal.set_aside(&wallet, &aside).await?;
        return Ok((Vec::new(), None));
    }
    let heard = recent
        .iter()
        .map(|submission| submission.key.nonce.height());
    let heard = heard.filter(|height| height.0 <= node.latest_block_height);
    let heard = heard.max();
    let mut submissions = journal.unfinished(&wallet).await?;
    submissions.extend(recent.into_iter().filter(|s| s.state.name().is_final()));
    // Topics that are no longer configured are left to the journal.
    submissions.retain(|submission| topics.contains(&submission.key.topic));
    Ok((submissions, heard))
}

/// The fees of the last day. Without a journal that tells them they are counted from here on.
async fn paid(
    chain: &Chain,
    journal: &dyn Journal,
    now: OffsetDateTime,
    reporter: &Reporter,
) -> Vec<Fee> {
    let sent = journal.sent_since(&chain.wallet(), now - DAY).await;
    let sent = sent.unwrap_or_else(|error| {
        reporter.emit(Event::Trouble {
            cause: format!("the fees of the last day can't be read: {error}"),
            remedy: "fees.max_fee_per_day is counted from now on".into(),
        });
        Vec::new()
    });
    let fee = |tx: Sent| Fee {
        amount: fee_of(&tx.bytes, &chain.network.denom).unwrap_or_default(),
        mark: Mark::of(&tx.hash),
        at: tx.at,
    };
    sent.into_iter().map(fee).collect()
}

/// Asks until there is an answer, or a refusal that no waiting changes.
async fn patiently<T, F: Future<Output = Result<T, ChainError>>>(
    reporter: &Reporter,
    question: impl FnMut() -> F,
) -> Result<T, ChainError> {
    patiently_while(ChainError::is_transient, reporter, question).await
}

/// As [`patiently`], where `passes` tells what waiting may change.
async fn patiently_while<T, F: Future<Output = Result<T, ChainError>>>(
    passes: impl Fn(&ChainError) -> bool,
    reporter: &Reporter,
    mut question: impl FnMut() -> F,
) -> Result<T, ChainError> {
    let mut pause = AGAIN;
    loop {
        match question().await {
            Err(error) if passes(&error) => tell_waiting(reporter, &error, pause),
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST.min(pause * 2);
    }
}

fn tell_waiting(reporter: &Reporter, error: &ChainError, pause: Duration) {
    let (cause, remedy) = (
        error.to_string(),
        format!("asking again in {} s", pause.as_secs()),
    );
    tell_need(
        reporter,
        Need::Nodes,
        &cause,
        "check the machine's network and the endpoints (--rpc, --ws); they are asked again and again",
    );
    reporter.emit(Event::Trouble { cause, remedy });
}

fn tell_need(reporter: &Reporter, need: Need, cause: &str, remedy: &str) {
    let waiting = GaugeEvent::Waiting {
        need,
        cause: cause.to_owned(),
        remedy: remedy.to_owned(),
    };
    reporter.emit(waiting.into());
}
