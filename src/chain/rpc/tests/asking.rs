//! Questions: who is asked, and whose answer counts.

use super::kit::{CHAIN, Node, nobody, pool, pool_at};
use crate::{
    chain::{
        ChainError,
        proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
        rpc::{Notice, Rpc, redacted},
    },
    types::Height,
};

async fn query(pool: &Rpc) -> Result<QueryBalanceResponse, ChainError> {
    let question = QueryBalanceRequest::default();
    pool.query("/cosmos.bank.v1beta1.Query/Balance", &question)
        .await
}

#[tokio::test]
async fn a_frozen_node_costs_the_hedge_once_and_no_timeout() {
    let (frozen, sound) = (Node::at(9).await, Node::at(9).await);
    frozen.set(|it| it.hangs = true);
    let pool = pool(&[frozen.url(), sound.url()]);
    query(&pool).await.unwrap();
    assert_eq!(frozen.count("abci_query"), 1);
    for _ in 0..3 {
        query(&pool).await.unwrap();
    }
    assert_eq!(
        (frozen.count("abci_query"), sound.count("abci_query")),
        (1, 4),
        "the sound one is asked first from then on"
    );
}

#[tokio::test]
async fn a_failure_is_followed_by_the_next_at_once_and_stands_last() {
    let (html, sound) = (Node::at(9).await, Node::at(9).await);
    html.set(|it| it.html = true);
    let pool = pool(&[nobody().await, html.url(), sound.url()]);
    query(&pool).await.unwrap();
    let health = pool.health();
    assert_eq!(
        health.iter().map(|it| it.failures).collect::<Vec<_>>(),
        [1, 1, 0]
    );
    let cause = health[1].last_error.clone().unwrap();
    assert!(cause.contains("<html>"), "{cause}");
    assert_eq!(health[2].height, Some(Height(9)));
    assert!(health[2].latency.is_some() && health[2].last_error.is_none());
}

#[tokio::test]
async fn an_answer_of_a_node_that_is_behind_is_passed_over() {
    let (late, sound) = (Node::at(97).await, Node::at(98).await);
    let pool = pool_at(100, &[late.url(), sound.url()]);
    query(&pool).await.unwrap();
    assert_eq!(sound.count("abci_query"), 1);
    let status = pool.status().await.unwrap();
    assert_eq!(status.sync_info.latest_block_height, 98);
    assert_eq!(
        pool.health().iter().map(|it| it.lag).collect::<Vec<_>>(),
        [3, 2]
    );
}

#[tokio::test]
async fn when_all_are_behind_the_error_names_their_heights() {
    let (first, second) = (Node::at(50).await, Node::at(60).await);
    let pool = pool_at(100, &[first.url(), second.url(), nobody().await]);
    let error = query(&pool).await.unwrap_err();
    assert!(error.is_transient());
    let text = error.to_string();
    for part in ["height 50", "height 60", "block 100", "rpc"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn an_answer_of_a_height_that_was_not_asked_for_is_passed_over() {
    let (early, sound) = (Node::at(99).await, Node::at(100).await);
    let pool = pool(&[early.url(), sound.url()]);
    let question = QueryBalanceRequest::default();
    let path = "/cosmos.bank.v1beta1.Query/Balance";
    let answer: Result<QueryBalanceResponse, _> = pool.query_at(path, &question, Height(100)).await;
    answer.unwrap();
    assert_eq!(sound.count("abci_query"), 1);
}

#[tokio::test]
async fn the_newest_blocks_results_are_waited_for_a_moment() {
    let node = Node::at(7).await;
    node.set(|it| it.early = 2);
    let pool = pool(&[node.url()]);
    assert_eq!(pool.block_results(Height(7)).await.unwrap().height, 7);
    assert_eq!(node.count("block_results"), 3);
    node.set(|it| it.early = 100);
    assert!(pool.block_results(Height(7)).await.is_err());
    assert_eq!(node.count("block_results"), 7);
}

#[tokio::test]
async fn a_transaction_that_no_index_has_is_none() {
    let node = Node::at(7).await;
    assert!(pool(&[node.url()]).tx("AB").await.unwrap().is_none());
    assert!(pool(&[nobody().await]).tx("AB").await.is_err());
}

#[tokio::test]
async fn a_node_that_was_away_names_its_chain_before_it_is_asked_anything() {
    let (foreign, sound) = (Node::at(9).await, Node::at(9).await);
    foreign.set(|it| {
        it.html = true;
        it.chain = "allora-mainnet-1".into();
    });
    let pool = pool(&[foreign.url(), sound.url()]);
    let troubles = pool.verify_chain(CHAIN).await.unwrap();
    assert_eq!(troubles.len(), 1);
    assert!(pool.take_notices().is_empty());
    foreign.set(|it| it.html = false);
    sound.set(|it| it.html = true);
    for _ in 0..2 {
        query(&pool).await.unwrap_err();
    }
    assert_eq!(foreign.count("abci_query"), 0);
    let notices = pool.take_notices();
    let [Notice::Trouble { endpoint, cause }] = &notices[..] else {
        panic!("it is told once: {notices:?}");
    };
    assert_eq!(*endpoint, foreign.url());
    assert!(cause.contains("allora-mainnet-1"), "{cause}");
    assert!(pool.health()[0].is_shut_out && !pool.health()[1].is_shut_out);
}

#[tokio::test]
async fn of_the_wrong_chain_alone_nothing_is_used() {
    let foreign = Node::at(9).await;
    foreign.set(|it| it.chain = "other-1".into());
    let error = pool(&[foreign.url()]).verify_chain(CHAIN).await;
    let error = error.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    let mixed = pool(&[foreign.url(), nobody().await]);
    let error = mixed.verify_chain(CHAIN).await.unwrap_err();
    assert!(error.is_transient(), "the other may be right: {error}");
}

#[tokio::test]
async fn at_the_start_a_frozen_node_is_not_waited_for() {
    let (frozen, sound) = (Node::at(9).await, Node::at(9).await);
    frozen.set(|it| it.hangs = true);
    let pool = pool(&[frozen.url(), sound.url()]);
    let troubles = pool.verify_chain(CHAIN).await.unwrap();
    assert_eq!(troubles[0].0, frozen.url());
    assert!(pool.health()[1].is_pinned);
}

#[test]
fn urls_are_checked_and_shown_without_their_secrets() {
    for bad in ["ftp://a", "ws://a", "grpc://a:1", "grpc+ftp://a", "a b"] {
        let urls = [bad.to_owned()];
        let error = Rpc::new(&urls, std::time::Duration::from_secs(1));
        assert!(!error.unwrap_err().is_transient(), "{bad}");
    }
    assert!(Rpc::new(&[], std::time::Duration::from_secs(1)).is_err());
    let shown = [
        ("https://u:p@a.b/key?k=1", "https://a.b"),
        ("grpc+http://u:p@a.b:9090/key", "grpc+http://a.b:9090"),
    ];
    for (url, name) in shown {
        assert_eq!(redacted(url), name);
    }
}
