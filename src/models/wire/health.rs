//! Whether a server answers at all. It says nothing of the model inside.

use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;

use super::{
    codec::framed,
    connection::Connection,
    status::{Fault, FaultKind},
};
use crate::models::proto::health::{HealthCheckRequest, HealthCheckResponse};

const CHECK: PathAndQuery = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
const SERVING: i32 = 1;

impl Connection {
    /// Asks the server for a sign of life.
    pub(crate) async fn check_health(&self, limit: Duration) -> Result<(), Fault> {
        let question = framed(&HealthCheckRequest::default());
        let late = |_| {
            let detail = format!("no sign of life within {:.1} s", limit.as_secs_f64());
            Fault::new(FaultKind::Unavailable, detail)
        };
        let asked = self.ask(CHECK, question, None, limit);
        let answer = tokio::time::timeout(limit, asked).await.map_err(late)??;
        match HealthCheckResponse::decode(answer.message) {
            Ok(answer) if answer.status == SERVING => Ok(()),
            Ok(answer) => Err(Fault::new(
                FaultKind::Unavailable,
                format!("the server says that it does not serve ({})", answer.status),
            )),
            Err(error) => Err(Fault::new(FaultKind::Nonsense, error.to_string())),
        }
    }
}
