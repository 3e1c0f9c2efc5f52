//! Nothing leaves past the end of a lease, whatever has been begun before.

use std::{
    future::poll_fn,
    pin::pin,
    time::{Duration, Instant},
};

use http_body::Body as _;

use super::{
    super::{
        grpc::Grpc,
        http::{Http, Leashed},
    },
    kit::{Node, pool},
};
use crate::leash::{Leash, PastEnd};

const TX: &str = "broadcast_tx_sync";
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn past_its_end_no_endpoint_is_given_a_transaction_and_none_is_blamed() {
    let nodes = [Node::at(100).await, Node::at(100).await];
    let leash = Leash::drawn();
    let urls = nodes.each_ref().map(Node::url);
    let pool = pool(&urls).leashed(leash.clone());
    for _ in 0..2 {
        let refused = pool.broadcast(b"tx").await.unwrap_err();
        assert!(refused.is_transient());
        let told = refused.to_string();
        assert!(told.contains("past its end"), "{told}");
    }
    assert!(pool.health().iter().all(|it| it.failures == 0));
    leash.extend(leash.now() + LONG);
    pool.broadcast(b"tx").await.unwrap();
    leash.cut();
    assert!(pool.broadcast(b"tx").await.is_err());
    let sent = nodes.iter().map(|it| it.count(TX)).sum::<usize>();
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn a_hedge_is_not_sent_when_the_lease_ended_meanwhile() {
    let nodes = [Node::at(100).await, Node::at(100).await];
    nodes[0].set(|it| it.hangs = true);
    let leash = Leash::drawn();
    let urls = nodes.each_ref().map(Node::url);
    // The second is asked after 100 ms.
    let pool = pool(&urls).leashed(leash.clone());
    leash.extend(leash.now() + LONG);
    let begun = Instant::now();
    let sending = tokio::spawn(async move { pool.broadcast(b"tx").await.map(drop) });
    while nodes[0].count(TX) == 0 {
        assert!(begun.elapsed() < LONG, "the first is asked");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    leash.cut();
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(nodes[1].count(TX), 0);
    sending.abort();
}

#[tokio::test]
async fn a_text_that_waits_for_its_connection_is_withheld_at_the_end() {
    let node = Node::at(100).await;
    let http = Http::new(reqwest::Client::new(), node.url(), "node".into());
    let leash = Leash::drawn();
    let failure = http.broadcast(b"tx", &leash).await.unwrap_err();
    assert!(!failure.was_sent, "{failure}");
    assert!(failure.to_string().contains("past its end"), "{failure}");
    assert_eq!(node.count(TX), 0);
    leash.extend(leash.now() + LONG);
    http.broadcast(b"tx", &leash).await.unwrap();
    assert_eq!(node.count(TX), 1);
}

#[tokio::test]
async fn a_text_is_given_away_once() {
    let leash = Leash::unlimited();
    let text = || Leashed::new(b"tx".to_vec(), &leash);
    let mut body = pin!(text());
    assert_eq!(body.size_hint().exact(), Some(2));
    let frame = poll_fn(|context| body.as_mut().poll_frame(context)).await;
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "tx");
    assert!(body.is_end_stream());
    assert!(
        poll_fn(|context| body.as_mut().poll_frame(context))
            .await
            .is_none()
    );
    let mut late = pin!(text());
    leash.cut();
    let frame = poll_fn(|context| late.as_mut().poll_frame(context)).await;
    assert_eq!(frame.unwrap().unwrap_err(), PastEnd);
}

#[tokio::test]
async fn a_message_over_grpc_is_withheld_at_the_end() {
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let read = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        // An empty SETTINGS frame is all that a client needs to go on.
        tokio::io::AsyncWriteExt::write_all(&mut client, &[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut all = Vec::new();
        let limit = Duration::from_millis(300);
        let _ = tokio::time::timeout(limit, client.read_to_end(&mut all)).await;
        all
    });
    let grpc = Grpc::new(
        &url,
        "node".into(),
        Duration::from_millis(250),
        &crate::tls::Trust::default(),
    )
    .unwrap();
    let mark = b"the bytes of a transaction";
    assert!(grpc.broadcast(mark, &Leash::drawn()).await.is_err());
    let all = read.await.unwrap();
    assert!(all.starts_with(b"PRI * HTTP/2.0"), "it was connected");
    assert!(!all.windows(mark.len()).any(|it| it == mark));
}
