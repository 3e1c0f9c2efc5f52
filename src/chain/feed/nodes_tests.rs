//! The feed against nodes that fall silent, answer nonsense, or lag: the next one is used.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::clock::JumpTeller;

const CHAIN: &str = "allora-localnet-1";
/// How long anything may take, on a machine that has other work as well.
const WAIT: Duration = Duration::from_secs(20);

/// A node that grants subscriptions and tells of the block in the channel, while it is not frozen. At a
/// block below zero it closes what is open.
struct Node {
    url: String,
    height: watch::Sender<i64>,
    frozen: Arc<watch::Sender<bool>>,
}

impl Node {
    async fn at(height: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/websocket", listener.local_addr().unwrap());
        let height = watch::Sender::new(height);
        let frozen = Arc::new(watch::Sender::new(false));
        let (heights, state) = (height.clone(), frozen.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, heights.subscribe(), state.subscribe()));
            }
        });
        Self {
            url,
            height,
            frozen,
        }
    }
}

async fn serve(
    client: TcpStream,
    mut height: watch::Receiver<i64>,
    mut frozen: watch::Receiver<bool>,
) {
    let mut socket = tokio_tungstenite::accept_async(client).await.unwrap();
    height.mark_changed();
    let mut granted = 0;
    loop {
        let is_frozen = *frozen.borrow();
        tokio::select! {
            frame = socket.next(), if !is_frozen => match frame {
                Some(Ok(Message::Text(text))) => {
                    let request: Value = serde_json::from_str(&text).unwrap();
                    granted += 1;
                    let grant = json!({ "jsonrpc": "2.0", "id": request["id"], "result": {} });
                    socket.send(Message::text(grant.to_string())).await.unwrap();
                }
                // Pings are answered by the library.
                Some(Ok(_)) => {}
                _ => return,
            },
            Ok(()) = height.changed(), if granted == 3 && !is_frozen => {
                if *height.borrow() < 0 {
                    return;
                }
                let header = header(*height.borrow_and_update());
                if socket.send(Message::text(header)).await.is_err() {
                    return;
                }
            }
            Ok(()) = frozen.changed() => {}
        }
    }
}

/// A block a second.
fn header(height: i64) -> String {
    let time = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(height.unsigned_abs());
    let header = json!({ "chain_id": CHAIN, "height": height.to_string(),
        "time": time.format(&Rfc3339).unwrap() });
    json!({ "jsonrpc": "2.0", "id": 2, "result": { "query": "q", "data": {
        "type": "tendermint/event/NewBlockHeader", "value": { "header": header } } } })
    .to_string()
}

/// A server that takes connections and answers `with` to whatever is said first, if anything.
async fn odd(with: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/websocket", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut client, _)) = listener.accept().await {
            if let Some(answer) = with {
                let _said = client.read(&mut [0; 1024]).await;
                client.write_all(answer.as_bytes()).await.unwrap();
            }
            held.push(client);
        }
    });
    url
}

struct Watched {
    events: mpsc::Receiver<FeedEvent>,
    heads: watch::Sender<Height>,
    jumps: JumpTeller,
    _cancel: tokio_util::sync::DropGuard,
}

impl Watched {
    /// A pause would be seen.
    fn start(urls: Vec<String>, silence: Duration) -> Self {
        Self::knowing(None, urls, silence)
    }

    fn knowing(rpc: Option<Arc<Rpc>>, urls: Vec<String>, silence: Duration) -> Self {
        Self::with(rpc, urls, silence, Duration::from_secs(3600))
    }

    fn pausing(urls: Vec<String>, silence: Duration, reconnect_min: Duration) -> Self {
        Self::with(None, urls, silence, reconnect_min)
    }

    fn with(
        rpc: Option<Arc<Rpc>>,
        urls: Vec<String>,
        silence: Duration,
        reconnect_min: Duration,
    ) -> Self {
        let (sender, events) = mpsc::channel(64);
        let (_, versions) = watch::channel(Version::V10);
        let heads = watch::Sender::new(Height::default());
        let config = ChainConfig {
            silence,
            reconnect_min,
            reconnect_max: Duration::from_secs(3600),
            ..ChainConfig::default()
        };
        let (chain, address) = (CHAIN.to_owned(), "allo1x".to_owned());
        let heard = heads.subscribe();
        let feed = Feed::new(config, urls, chain, address, versions, heard, sender).unwrap();
        let feed = match rpc {
            Some(rpc) => feed.knowing(rpc),
            None => feed,
        };
        let jumps = JumpTeller::default();
        let cancel = CancellationToken::new();
        tokio::spawn(feed.waking(jumps.jumps()).run(cancel.clone()));
        Self {
            events,
            heads,
            jumps,
            _cancel: cancel.drop_guard(),
        }
    }

    async fn next(&mut self) -> FeedEvent {
        let next = timeout(WAIT, self.events.recv()).await;
        next.expect("the feed tells something").unwrap()
    }

    async fn connected(&mut self, to: &str) {
        match self.next().await {
            FeedEvent::Connected { endpoint } => assert_eq!(endpoint, redacted(to)),
            other => panic!("{other:?}"),
        }
    }

    async fn block(&mut self, expected: i64) {
        match self.next().await {
            FeedEvent::Block { height, .. } => assert_eq!(height, Height(expected)),
            other => panic!("{other:?}"),
        }
    }

    /// The connection is lost, and the next is tried without a pause.
    async fn lost(&mut self, words: &str) {
        match self.next().await {
            FeedEvent::Lost {
                cause, retry_in, ..
            } => {
                assert!(cause.contains(words), "{cause}");
                assert_eq!(retry_in, Duration::ZERO);
            }
            other => panic!("{other:?}"),
        }
    }
}

const QUICK: Duration = Duration::from_millis(300);
const SLOW: Duration = Duration::from_secs(600);

#[tokio::test]
async fn html_in_place_of_a_websocket_leads_to_the_next_url() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let (html, node) = (odd(Some(page)).await, Node::at(7).await);
    let mut feed = Watched::start(vec![html, node.url.clone()], SLOW);
    feed.lost("could not be opened").await;
    feed.connected(&node.url).await;
    feed.block(7).await;
}

#[tokio::test]
async fn a_node_that_never_answers_the_upgrade_leads_to_the_next_url() {
    let (mute, node) = (odd(None).await, Node::at(7).await);
    let mut feed = Watched::start(vec![mute, node.url.clone()], QUICK);
    feed.lost("did not answer").await;
    feed.connected(&node.url).await;
}

#[tokio::test]
async fn a_node_that_freezes_is_left_after_three_block_times() {
    let (first, second) = (Node::at(1).await, Node::at(4).await);
    let mut feed = Watched::start(vec![first.url.clone(), second.url.clone()], SLOW);
    feed.connected(&first.url).await;
    feed.block(1).await;
    for height in 2..4 {
        first.height.send_replace(height);
        feed.block(height).await;
    }
    first.frozen.send_replace(true);
    // Three seconds of the ten minutes that the configuration allows.
    feed.lost("no block for 3 s").await;
    feed.connected(&second.url).await;
    feed.block(4).await;
}

#[tokio::test]
async fn a_chain_that_stands_still_leaves_a_socket_that_answers_alone() {
    let (first, second) = (Node::at(1).await, Node::at(1).await);
    let mut feed = Watched::start(vec![first.url.clone(), second.url.clone()], SLOW);
    feed.connected(&first.url).await;
    feed.block(1).await;
    first.height.send_replace(2);
    feed.block(2).await;
    // Well past three block times: it answers the ping.
    let quiet = timeout(Duration::from_secs(5), feed.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    // Another node tells of newer blocks: the first has stopped rather than the chain.
    second.height.send_replace(9);
    feed.heads.send_replace(Height(9));
    feed.lost("at block 2, and the chain at 9").await;
    feed.connected(&second.url).await;
    feed.block(9).await;
}

#[tokio::test]
async fn a_node_that_lags_is_left_though_it_tells_of_blocks() {
    let (late, node) = (Node::at(50).await, Node::at(100).await);
    let mut feed = Watched::start(vec![late.url.clone(), node.url.clone()], SLOW);
    feed.heads.send_replace(Height(100));
    feed.connected(&late.url).await;
    feed.block(50).await;
    late.height.send_replace(51);
    feed.block(51).await;
    feed.lost("at block 51, and the chain at 100").await;
    feed.connected(&node.url).await;
    feed.block(100).await;
}

#[tokio::test]
async fn when_all_have_failed_there_is_a_pause() {
    let page = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let urls = vec![odd(Some(page)).await, odd(Some(page)).await];
    let mut feed = Watched::start(urls, SLOW);
    feed.lost("could not be opened").await;
    let FeedEvent::Lost { retry_in, .. } = feed.next().await else {
        panic!("it is lost");
    };
    assert!(retry_in > Duration::from_secs(1000));
}

#[tokio::test]
async fn a_node_that_rests_after_failures_is_connected_to_only_when_there_is_no_other() {
    let (first, second) = (Node::at(9).await, Node::at(9).await);
    let rpc_of = |node: &Node| {
        node.url
            .replace("ws://", "http://")
            .replace("/websocket", "")
    };
    let (rests, sound) = (rpc_of(&first), rpc_of(&second));
    let hour = Duration::from_secs(3_600);
    let rpc = Rpc::new(&[rests, sound], Duration::from_secs(1)).unwrap();
    let rpc = Arc::new(rpc.resting(hour, hour));
    // What they answer to a question is nonsense.
    for _ in 0..3 {
        let _answer = rpc.block_time(Height(1)).await;
    }
    assert!(rpc.rests(&first.url) && rpc.rests(&second.url));
    let urls = vec![first.url.clone(), second.url.clone()];
    let mut watched = Watched::knowing(Some(rpc), urls.clone(), hour);
    watched.connected(&first.url).await;
    let only_first = Rpc::new(&[rpc_of(&first)], Duration::from_secs(1)).unwrap();
    let rpc = Arc::new(only_first.resting(hour, hour));
    for _ in 0..3 {
        let _answer = rpc.block_time(Height(1)).await;
    }
    let mut watched = Watched::knowing(Some(rpc), urls, hour);
    watched.connected(&second.url).await;
}

#[tokio::test]
async fn connections_that_told_of_blocks_do_not_make_the_pauses_grow() {
    for (turn, retry_in) in pauses(3).await.into_iter().enumerate() {
        let most = SHORTEST.mul_f64(1.2) * u32::from(turn > 0);
        assert!(retry_in <= most, "turn {turn}: {retry_in:?}");
    }
}

#[tokio::test]
async fn connections_that_are_lost_with_each_block_are_opened_ever_more_seldom() {
    let last = pauses(1).await[5];
    assert!(last >= SHORTEST.mul_f64(0.8 * 4.0), "{last:?}");
}

const SHORTEST: Duration = Duration::from_millis(40);

/// The pauses of a feed of two nodes, each of which drops its sockets after so many blocks.
async fn pauses(blocks: i64) -> Vec<Duration> {
    let nodes = [Node::at(1).await, Node::at(1 + blocks).await];
    let urls = nodes.each_ref().map(|node| node.url.clone());
    let mut feed = Watched::pausing(urls.to_vec(), SLOW, SHORTEST);
    let mut pauses = Vec::new();
    for (turn, first) in (0..6).zip((1..).step_by(usize::try_from(blocks).unwrap())) {
        let node = &nodes[turn % 2];
        feed.connected(&node.url).await;
        for height in first..first + blocks {
            node.height.send_replace(height);
            feed.block(height).await;
        }
        node.height.send_replace(-1);
        let FeedEvent::Lost { retry_in, .. } = feed.next().await else {
            panic!("it is lost");
        };
        // Where the next connection there begins.
        node.height.send_replace(first + 2 * blocks);
        pauses.push(retry_in);
    }
    pauses
}

#[tokio::test]
async fn a_socket_that_died_while_the_host_slept_is_left_when_it_wakes() {
    let nodes = [Node::at(10).await, Node::at(10).await];
    let urls = nodes.iter().map(|it| it.url.clone()).collect();
    // Silence alone would be borne for longer than the test waits.
    let mut feed = Watched::start(urls, WAIT * 3);
    feed.connected(&nodes[0].url).await;
    feed.block(10).await;
    nodes[0].frozen.send_replace(true);
    feed.jumps.tell();
    feed.lost("no block for 3 s").await;
    feed.connected(&nodes[1].url).await;
}
