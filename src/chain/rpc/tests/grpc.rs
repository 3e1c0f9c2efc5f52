//! The same pool over gRPC, against an application that does as it is told.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Request, Response};
use cosmrs::proto::tendermint::{google::protobuf::Timestamp, types};
use prost::{Message, bytes::Bytes};
use tokio::net::{TcpListener, TcpStream};

use super::{
    super::health::hold,
    kit::{CHAIN, Node, pool},
};
use crate::{
    chain::{
        Account, ChainError, EndpointKind,
        proto::cosmos::{
            auth::v1beta1::{BaseAccount, QueryAccountInfoResponse},
            base::{abci::v1beta1::TxResponse, tendermint::v1beta1::GetLatestBlockResponse},
            tx::v1beta1::{BroadcastTxRequest, BroadcastTxResponse, GetTxResponse},
        },
    },
    types::Height,
};

/// What the application answers, by the end of the path: a message, or gRPC's code and text.
type Script = Vec<(&'static str, Result<Vec<u8>, (u8, &'static str)>)>;

/// Paths and questions.
type Asked = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An application at height 100, and what it was asked.
struct App {
    url: String,
    asked: Asked,
}

impl App {
    async fn of(chain: &str, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("grpc+http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut script = script;
        script.push(("Service/GetLatestBlock", Ok(latest(chain).encode_to_vec())));
        let (script, heard) = (Arc::new(script), asked.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, script.clone(), heard.clone()));
            }
        });
        Self { url, asked }
    }

    async fn new(script: Script) -> Self {
        Self::of(CHAIN, script).await
    }
}

fn latest(chain: &str) -> GetLatestBlockResponse {
    GetLatestBlockResponse {
        block: Some(types::Block {
            header: Some(types::Header {
                chain_id: chain.into(),
                height: 100,
                time: Some(Timestamp {
                    seconds: 1_758_027_600,
                    nanos: 0,
                }),
                ..types::Header::default()
            }),
            ..types::Block::default()
        }),
        ..GetLatestBlockResponse::default()
    }
}

async fn serve(client: TcpStream, script: Arc<Script>, asked: Asked) {
    let mut connection = h2::server::handshake(client).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond, script.clone(), asked.clone()));
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    script: Arc<Script>,
    asked: Asked,
) {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    let mut question = Vec::new();
    while let Some(Ok(part)) = body.data().await {
        question.extend_from_slice(&part);
    }
    // A flag and a length stand before the message.
    hold(&asked).push((path.clone(), question.split_off(5)));
    let found = script.iter().find(|(end, _)| path.ends_with(end));
    let answer = found.map_or(Err((12, "unknown service")), |(_, answer)| answer.clone());
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .header("x-cosmos-block-height", "100");
    let mut stream = respond
        .send_response(head.body(()).unwrap(), false)
        .unwrap();
    let mut trailers = HeaderMap::new();
    match answer {
        Ok(message) => {
            let mut framed = vec![0];
            framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            framed.extend(message);
            stream.send_data(framed.into(), false).unwrap();
            trailers.insert("grpc-status", "0".parse().unwrap());
        }
        Err((code, text)) => {
            trailers.insert("grpc-status", code.to_string().parse().unwrap());
            trailers.insert("grpc-message", text.parse().unwrap());
        }
    }
    stream.send_trailers(trailers).unwrap();
}

fn in_mempool(codespace: &str, code: u32, raw_log: &str) -> Vec<u8> {
    let tx_response = Some(TxResponse {
        txhash: "AB".into(),
        codespace: codespace.into(),
        code,
        raw_log: raw_log.into(),
        ..TxResponse::default()
    });
    BroadcastTxResponse { tx_response }.encode_to_vec()
}

#[tokio::test]
async fn queries_bear_the_height_of_their_answer() {
    let info = BaseAccount {
        account_number: 7,
        sequence: 3,
        ..BaseAccount::default()
    };
    let answer = QueryAccountInfoResponse { info: Some(info) }.encode_to_vec();
    let app = App::new(vec![("Query/AccountInfo", Ok(answer))]).await;
    let pool = pool(std::slice::from_ref(&app.url));
    assert!(pool.verify_chain(CHAIN).await.unwrap().is_empty());
    let account = Account::of(&pool, "allo1x").await.unwrap();
    assert_eq!((account.number, account.sequence), (7, 3));
    let health = &pool.health()[0];
    assert_eq!(
        (health.kind, health.height, health.is_verified),
        (EndpointKind::Grpc, Some(Height(100)), true)
    );
    assert_eq!(health.name, app.url);
    pool.saw(Height(103));
    let error = Account::of(&pool, "allo1x").await.unwrap_err();
    assert!(matches!(error, ChainError::Behind { .. }), "{error}");
}

#[tokio::test]
async fn refusals_mean_what_they_mean_over_rpc() {
    let script: Script = vec![
        ("Query/AccountInfo", Err((5, "account allo1x not found"))),
        ("Query/Balance", Err((2, "out of gas: internal"))),
    ];
    let app = App::new(script).await;
    let pool = pool(&[app.url]);
    let error = Account::of(&pool, "allo1x").await.unwrap_err();
    assert!(matches!(error, ChainError::NoAccount { .. }), "{error}");
    let error = crate::chain::balance(&pool, "allo1x", "uallo").await;
    let error = error.unwrap_err();
    assert!(
        !error.is_unknown_path() && !error.is_absence(),
        "another refusal: {error}"
    );
    let path = "/emissions.v9.QueryService/GetParams";
    let answer: Result<BaseAccount, _> = pool.query(path, &BaseAccount::default()).await;
    let error = answer.unwrap_err();
    assert!(error.is_unknown_path(), "{error}");
    assert_eq!(pool.health()[0].failures, 0, "a refusal is an answer");
}

#[tokio::test]
async fn a_mempool_answers_as_over_rpc() {
    let app = App::new(vec![(
        "Service/BroadcastTx",
        Ok(in_mempool("sdk", 32, "expected 5")),
    )])
    .await;
    let sent = pool(std::slice::from_ref(&app.url))
        .broadcast(b"tx")
        .await
        .unwrap();
    let answer = sent.answer.unwrap();
    assert_eq!((answer.code, answer.log.as_str()), (32, "expected 5"));
    let (_, question) = hold(&app.asked).pop().unwrap();
    let question = BroadcastTxRequest::decode(question.as_slice()).unwrap();
    assert_eq!(
        (question.tx_bytes.as_slice(), question.mode),
        (&b"tx"[..], 2)
    );

    let known = Ok(in_mempool("sdk", 19, "tx already in mempool"));
    let app = App::new(vec![("Service/BroadcastTx", known)]).await;
    let sent = pool(&[app.url]).broadcast(b"tx").await.unwrap();
    assert_eq!(sent.answer.unwrap_err().data, "tx already exists in cache");
}

#[tokio::test]
async fn a_full_mempool_is_followed_by_the_next_endpoint() {
    let full = Ok(in_mempool("sdk", 20, "mempool is full"));
    let app = App::new(vec![("Service/BroadcastTx", full)]).await;
    let node = Node::at(100).await;
    let mixed = pool(&[app.url.clone(), node.url()]);
    let sent = mixed.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.endpoint, node.url());
    let alone = pool(&[app.url]).broadcast(b"tx").await.unwrap();
    let data = alone.answer.unwrap_err().data;
    assert!(data.contains("mempool is full"), "{data}");
}

#[tokio::test]
async fn a_transaction_is_found_by_its_hash_or_not() {
    let tx_response = Some(TxResponse {
        height: 42,
        txhash: "AB".into(),
        gas_used: 144_200,
        ..TxResponse::default()
    });
    let tx = GetTxResponse {
        tx_response,
        ..GetTxResponse::default()
    };
    let app = App::new(vec![("Service/GetTx", Ok(tx.encode_to_vec()))]).await;
    let found = pool(&[app.url]).tx("AB").await.unwrap().unwrap();
    assert_eq!((found.height, found.tx_result.gas_used), (42, 144_200));
    let app = App::new(vec![("Service/GetTx", Err((5, "tx not found: AB")))]).await;
    assert!(pool(&[app.url]).tx("AB").await.unwrap().is_none());
}

#[tokio::test]
async fn results_of_blocks_are_asked_of_an_rpc_endpoint() {
    let app = App::new(Vec::new()).await;
    let node = Node::at(100).await;
    let mixed = pool(&[app.url.clone(), node.url()]);
    assert!(mixed.block_results(Height(7)).await.is_ok());
    let error = pool(&[app.url]).block_results(Height(7)).await;
    let error = error.unwrap_err();
    assert!(!error.is_transient());
    assert!(error.to_string().contains("add an http://"), "{error}");
}

#[tokio::test]
async fn what_is_no_grpc_or_of_another_chain_is_passed_over() {
    let html = Node::at(100).await;
    html.set(|it| it.html = true);
    let no_grpc = format!("grpc+{}", html.url());
    let foreign = App::of("allora-mainnet-1", Vec::new()).await;
    let sound = App::new(vec![("Service/BroadcastTx", Ok(in_mempool("", 0, "")))]).await;
    let pool = pool(&[no_grpc, foreign.url.clone(), sound.url.clone()]);
    let troubles = pool.verify_chain(CHAIN).await.unwrap();
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    assert!(pool.health()[1].is_shut_out);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!((sent.endpoint, sent.maybe_elsewhere), (sound.url, false));
}
