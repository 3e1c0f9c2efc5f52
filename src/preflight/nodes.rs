//! The endpoints, each by itself: who it is, how far, how fast, and whether it lets one subscribe.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::{Area, Check, words};
use crate::{
    chain::{ChainError, Rpc, feed::Trial, jsonrpc::Status, redacted},
    tls::Trust,
};

/// Blocks by which a node may be behind the others when it is asked a moment before them.
const LAG: i64 = 5;
/// A latency above this costs answers their place in the next block.
const SLOW: Duration = Duration::from_secs(1);

/// What an endpoint said of itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// `RPC` or `gRPC`, with its number among all.
    pub(super) name: String,
    /// Without what may be secret.
    pub(super) url: String,
    pub(super) is_rpc: bool,
    pub(super) said: Result<Said, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) chain_id: String,
    pub(super) height: i64,
    pub(super) time: OffsetDateTime,
    pub(super) is_catching_up: bool,
    pub(super) latency: Duration,
    /// The host's clock when the answer came.
    pub(super) heard: OffsetDateTime,
}

impl Node {
    /// Whether it can be asked about the chain.
    pub(super) fn is_sound(&self, chain_id: &str) -> bool {
        matches!(&self.said, Ok(said) if said.chain_id == chain_id && !said.is_catching_up)
    }

    fn is_foreign(&self, chain_id: &str) -> bool {
        matches!(&self.said, Ok(said) if said.chain_id != chain_id)
    }
}

/// Asks each endpoint who it is, all at once.
pub(super) async fn ask(urls: &[String], limit: Duration, trust: &Trust) -> Vec<Node> {
    let asked = urls.iter().enumerate().map(|(index, url)| async move {
        let is_rpc = !url.starts_with("grpc+");
        let kind = if is_rpc { "RPC" } else { "gRPC" };
        Node {
            name: format!("{kind} {}", index + 1),
            url: redacted(url.strip_prefix("grpc+").unwrap_or(url)),
            is_rpc,
            said: ask_one(url, limit, trust).await,
        }
    });
    futures_util::future::join_all(asked).await
}

async fn ask_one(url: &str, limit: Duration, trust: &Trust) -> Result<Said, String> {
    let rpc = Rpc::trusting(&[url.to_owned()], limit, trust).map_err(|error| error.to_string())?;
    let status = timeout(limit, rpc.status()).await;
    let late = || format!("no answer within {} s", limit.as_secs_f64());
    let first = status.map_err(|_| late())?.map_err(|error| short(&error))?;
    let heard = OffsetDateTime::now_utc();
    // The first answer took the connection's making as well.
    let began = Instant::now();
    let again = timeout(limit, rpc.status()).await;
    let took = began.elapsed();
    again.map_err(|_| late())?.map_err(|error| short(&error))?;
    let Status {
        node_info,
        sync_info,
    } = first;
    Ok(Said {
        chain_id: node_info.network,
        height: sync_info.latest_block_height,
        time: sync_info.latest_block_time,
        is_catching_up: sync_info.catching_up,
        latency: took,
        heard,
    })
}

/// The cause without the endpoint's name, which is shown beside it.
fn short(error: &ChainError) -> String {
    match error {
        ChainError::Unreachable { tried } => {
            let causes = tried.iter().map(|it| {
                let cause = it.split_once(": ").map_or(it.as_str(), |parts| parts.1);
                cause.to_owned()
            });
            causes.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// What is said of each endpoint, and of all together. `was_here`: an earlier run has answered on this
/// very chain, so that nodes of another one are waited for.
pub(super) fn judge(nodes: &[Node], chain_id: &str, was_here: bool) -> Vec<Check> {
    let sound = nodes.iter().filter(|it| it.is_sound(chain_id)).count();
    let newest = nodes
        .iter()
        .filter(|it| it.is_sound(chain_id))
        .filter_map(|it| Some(it.said.as_ref().ok()?.height))
        .max()
        .unwrap_or_default();
    let is_hopeless = !was_here && nodes.iter().all(|it| it.is_foreign(chain_id));
    let mut all: Vec<Check> = nodes
        .iter()
        .map(|it| one(it, chain_id, newest, sound > 0))
        .map(|check| match is_hopeless {
            true => check.ends_a_start(),
            false => check,
        })
        .collect();
    if sound > 0 && !nodes.iter().any(|it| it.is_rpc) {
        all.push(Check::warning(
            Area::Nodes,
            "RPC",
            "there are gRPC endpoints alone, which have no results of blocks: windows that opened \
             while the worker was away are found later",
            "add an http:// or https:// endpoint (rpc, or --rpc)",
        ));
    }
    all
}

fn one(node: &Node, chain_id: &str, newest: i64, others_are_sound: bool) -> Check {
    let (name, url) = (&node.name, &node.url);
    let bad = |what: String, remedy: &str| {
        let what = format!("{url}: {what}");
        if others_are_sound {
            Check::warning(Area::Nodes, name, what, remedy)
        } else {
            Check::error(Area::Nodes, name, what, remedy)
        }
    };
    let said = match &node.said {
        Ok(said) => said,
        Err(cause) => {
            let remedy = "check the network and the endpoint, or name another (rpc, or --rpc)";
            return bad(cause.clone(), remedy);
        }
    };
    let height = words::number(said.height);
    if said.chain_id != chain_id {
        let what = format!("it is a node of {}, not of {chain_id}", said.chain_id);
        return bad(what, "correct the endpoint, --network or --chain-id");
    }
    if said.is_catching_up {
        let what = format!("it is catching up, at block {height}");
        return bad(
            what,
            "wait until it has caught up, or name another endpoint (--rpc)",
        );
    }
    let behind = newest - said.height;
    if behind > LAG {
        let what = format!("it is at block {height}, {behind} behind the others");
        return bad(
            what,
            "wait until it catches up, or name another endpoint first",
        );
    }
    let latency = said.latency;
    let what = format!("{url}: block {height}, answers in {}", shown(latency));
    if latency > SLOW {
        let remedy = "name a nearer endpoint first (--rpc)";
        return Check::warning(Area::Nodes, name, what, remedy);
    }
    Check::ok(Area::Nodes, name, what)
}

fn shown(latency: Duration) -> String {
    let milliseconds = latency.as_secs_f64() * 1e3;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}

/// A WebSocket, and how it fared.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) tried: Result<Trial, String>,
}

/// What is said of each WebSocket. `waited`: how long a block was waited for.
pub(super) fn judge_sockets(sockets: &[Socket], waited: Duration) -> Vec<Check> {
    let is_any_sound = sockets.iter().any(|it| it.tried.is_ok());
    sockets
        .iter()
        .map(|it| socket(it, is_any_sound, waited))
        .collect()
}

fn socket(socket: &Socket, others_are_sound: bool, waited: Duration) -> Check {
    let (name, url) = (&socket.name, &socket.url);
    match &socket.tried {
        Err(cause) => {
            let what = format!("{url}: {cause}");
            let remedy = "check the endpoint, or name another (ws, or --ws): without events windows \
                          are found by asking, seconds later";
            if others_are_sound {
                Check::warning(Area::Nodes, name, what, remedy)
            } else {
                Check::error(Area::Nodes, name, what, remedy)
            }
        }
        Ok(Trial {
            block: None,
            granted,
        }) if waited > Duration::ZERO => Check::warning(
            Area::Nodes,
            name,
            format!(
                "{url}: subscribed in {}, and no block came within {}",
                shown(*granted),
                words::span(waited)
            ),
            "see whether the chain stands still, else name another endpoint (ws, or --ws)",
        ),
        Ok(Trial { granted, block }) => {
            let heard = block.map(|it| format!(", heard of block {}", words::number(it.0)));
            let heard = heard.unwrap_or_default();
            let what = format!("{url}: 3 subscriptions in {}{heard}", shown(*granted));
            Check::ok(Area::Nodes, name, what)
        }
    }
}

/// The clock beside the newest block's time: a block bears the time of the votes for the one before it,
/// and is some seconds on its way.
const FAR: i64 = 30;
/// From here on forecasts are of another hour.
const AN_HOUR: i64 = 3_600;

/// What is said of the host's clock, by the newest block of a sound node.
pub(super) fn judge_clock(nodes: &[Node], chain_id: &str) -> Option<Check> {
    let sound = nodes.iter().filter(|it| it.is_sound(chain_id));
    let said = sound.filter_map(|it| it.said.as_ref().ok());
    let newest = said.max_by_key(|it| it.height)?;
    let lead = newest.heard - newest.time;
    let off = words::span(words::signed(lead));
    Some(match lead.whole_seconds() {
        ahead if ahead > FAR => {
            let what = format!("it is {off} ahead of the newest block's time");
            let remedy = "if `timedatectl` shows no synchronised clock, set it right (timedatectl \
                          set-ntp true); else the chain stands still, or its nodes are behind";
            graded(ahead, what, remedy)
        }
        behind if behind < -FAR => {
            let what = format!("it is {off} behind the newest block's time");
            graded(-behind, what, "set it right: timedatectl set-ntp true")
        }
        _ => Check::ok(
            Area::Nodes,
            "clock",
            format!("{off} from the newest block's time"),
        ),
    })
}

fn graded(off: i64, what: String, remedy: &str) -> Check {
    if off >= AN_HOUR {
        Check::error(Area::Nodes, "clock", what, remedy)
    } else {
        Check::warning(Area::Nodes, "clock", what, remedy)
    }
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
