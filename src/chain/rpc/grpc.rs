//! One node's application, over gRPC.

use std::{sync::OnceLock, time::Duration};

use prost::Message;
use time::OffsetDateTime;
use tokio::time::timeout;
use tonic::{
    Code, Request, Response,
    client::Grpc as Client,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri},
};

use super::{codec::Bytes, endpoint::QueryAnswer, failure::Failure, translate};
use crate::{
    chain::{
        jsonrpc::{BroadcastSync, RpcError, Status, Tx, in_short},
        proto::cosmos::{
            base::tendermint::v1beta1::{
                GetBlockByHeightRequest, GetBlockByHeightResponse, GetLatestBlockRequest,
                GetLatestBlockResponse,
            },
            tx::v1beta1::{
                BroadcastMode, BroadcastTxRequest, BroadcastTxResponse, GetTxRequest, GetTxResponse,
            },
        },
    },
    failpoint::failpoint,
    leash::{Leash, PastEnd},
    tls::Trust,
    types::Height,
};

const BROADCAST: &str = "/cosmos.tx.v1beta1.Service/BroadcastTx";
const TX: &str = "/cosmos.tx.v1beta1.Service/GetTx";
const LATEST_BLOCK: &str = "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock";
const BLOCK: &str = "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight";
/// The header in which the application names the height that it answered from.
const HEIGHT: &str = "x-cosmos-block-height";
/// The largest answer that is read, bytes.
const LARGEST: usize = 64 << 20;
/// How often an idle connection is shown to live.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A node's address, and the connection to it.
#[derive(Debug)]
pub(super) struct Grpc {
    endpoint: Endpoint,
    name: String,
    limit: Duration,
    /// Made at the first request, since it needs a runtime.
    channel: OnceLock<Channel>,
}

impl Grpc {
    /// `url` without the leading `grpc+`.
    ///
    /// # Errors
    /// Why the URL can't be used.
    pub(super) fn new(
        url: &str,
        name: String,
        limit: Duration,
        trust: &Trust,
    ) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let is_encrypted = uri.scheme_str() == Some("https");
        let endpoint = Endpoint::from(uri)
            .connect_timeout(limit)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(limit)
            .keep_alive_while_idle(true);
        let endpoint = if is_encrypted {
            let own = trust.pem().map(Certificate::from_pem);
            let roots = ClientTlsConfig::new().with_native_roots();
            let roots = roots.ca_certificates(own);
            endpoint
                .tls_config(roots)
                .map_err(|error| error.to_string())?
        } else {
            endpoint
        };
        Ok(Self {
            endpoint,
            name,
            limit,
            channel: OnceLock::new(),
        })
    }

    /// The newest block tells the chain, the height and the time at once.
    pub(super) async fn status(&self) -> Result<Status, Failure> {
        let answer: GetLatestBlockResponse =
            self.call(LATEST_BLOCK, &GetLatestBlockRequest {}).await?;
        translate::status(answer).ok_or_else(|| self.nonsense("a block without a header"))
    }

    pub(super) async fn query(&self, path: &str, data: &[u8]) -> Result<QueryAnswer, Failure> {
        match self.unary(path, data.to_vec(), Bytes::default()).await? {
            Ok(answer) => {
                let height = answer.metadata().get(HEIGHT);
                let height = height.and_then(|text| text.to_str().ok()?.parse().ok());
                Ok(QueryAnswer {
                    height: height.map(Height),
                    value: answer.into_inner(),
                    ..QueryAnswer::default()
                })
            }
            Err(refusal) => Ok(QueryAnswer {
                code: refusal.code() as u32,
                codespace: "grpc".into(),
                log: in_short(refusal.message().to_owned()),
                ..QueryAnswer::default()
            }),
        }
    }

    /// Hands a transaction over, if `leash` allows it at the moment in which its bytes are written.
    pub(super) async fn broadcast(
        &self,
        bytes: &[u8],
        leash: &Leash,
    ) -> Result<BroadcastSync, Failure> {
        let question = BroadcastTxRequest {
            tx_bytes: bytes.to_vec(),
            mode: BroadcastMode::Sync.into(),
        };
        let codec = Bytes::leashed(leash);
        let answer: BroadcastTxResponse = self.exchange(BROADCAST, &question, codec).await?;
        failpoint("after-send");
        let answer = answer
            .tx_response
            .ok_or_else(|| self.nonsense("no answer of the mempool"))?;
        translate::broadcast(answer).map_err(|error| Failure::refused(&self.name, error))
    }

    pub(super) async fn tx(&self, hash: &[u8]) -> Result<Tx, Failure> {
        let hash = hex::encode_upper(hash);
        let answer: GetTxResponse = self.call(TX, &GetTxRequest { hash }).await?;
        let tx = answer.tx_response.map(translate::tx);
        tx.ok_or_else(|| self.nonsense("no transaction"))
    }

    /// The bytes of a block's transactions.
    pub(super) async fn block_txs(&self, height: Height) -> Result<Vec<Vec<u8>>, Failure> {
        let question = GetBlockByHeightRequest { height: height.0 };
        let answer: GetBlockByHeightResponse = self.call(BLOCK, &question).await?;
        Ok(translate::block_txs(answer))
    }

    /// The time that a block bears.
    pub(super) async fn block_time(&self, height: Height) -> Result<OffsetDateTime, Failure> {
        let question = GetBlockByHeightRequest { height: height.0 };
        let answer: GetBlockByHeightResponse = self.call(BLOCK, &question).await?;
        translate::block_time(answer).ok_or_else(|| self.nonsense("a block without a time"))
    }

    async fn call<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<A, Failure> {
        self.exchange(path, question, Bytes::default()).await
    }

    async fn exchange<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        question: &Q,
        codec: Bytes,
    ) -> Result<A, Failure> {
        let answer = self.unary(path, question.encode_to_vec(), codec).await?;
        let answer = answer.map_err(|status| {
            let error = RpcError {
                code: i64::from(status.code() as i32),
                message: format!("gRPC {:?}", status.code()),
                data: in_short(status.message().to_owned()),
            };
            Failure::refused(&self.name, error)
        })?;
        A::decode(answer.into_inner().as_slice()).map_err(|error| self.nonsense(&error.to_string()))
    }

    /// One request. The inner error is the application's own, the outer one the way's.
    async fn unary(
        &self,
        path: &str,
        question: Vec<u8>,
        codec: Bytes,
    ) -> Result<Result<Response<Vec<u8>>, tonic::Status>, Failure> {
        let channel = self.channel.get_or_init(|| self.endpoint.connect_lazy());
        let mut client = Client::new(channel.clone()).max_decoding_message_size(LARGEST);
        let fail = |cause: String, was_sent| Failure::silent(&self.name, cause, was_sent);
        let path = path.parse::<Uri>().ok();
        let Some(path) = path.and_then(|uri| uri.path_and_query().cloned()) else {
            return Err(fail("the path is no path".into(), false));
        };
        let asked = async {
            // A connection that can't be had sent nothing.
            client.ready().await.map_err(|error| {
                let cause = innermost(&error);
                fail(cause, false)
            })?;
            Ok(client.unary(Request::new(question), path, codec).await)
        };
        match timeout(self.limit, asked).await {
            Err(_) => Err(fail("no answer in time".into(), true)),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(Err(status))) if is_of_the_way(&status) => {
                let was_sent = !is_unconnected(&status) && !PastEnd::is_behind(&status);
                Err(fail(words(&status), was_sent))
            }
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn nonsense(&self, cause: &str) -> Failure {
        Failure::silent(&self.name, format!("it answers nonsense: {cause}"), true)
    }
}

/// Whether an error comes from the connection or a proxy rather than from the application.
fn is_of_the_way(status: &tonic::Status) -> bool {
    let is_its_code = matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::DataLoss
    );
    let text = status.message();
    is_its_code
        || std::error::Error::source(status).is_some()
        || text.starts_with("grpc-status header missing")
        || text.starts_with("protocol error")
        || text.starts_with("Missing response message")
}

/// Whether no connection was there to send anything over.
fn is_unconnected(status: &tonic::Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.to_string().contains("tcp connect error") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn words(status: &tonic::Status) -> String {
    match std::error::Error::source(status) {
        Some(cause) => innermost(cause),
        None => format!("gRPC {:?}: {}", status.code(), status.message()),
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
