//! One call over one connection, and what its answer stands for.

use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Run;
use crate::models::{
    Call, Cause, Payload, Trouble,
    proto::dynamic_subclass::CallResponse,
    wire::{Answer, Connection, Expected, Fault, FaultKind},
};

const CALL: PathAndQuery =
    PathAndQuery::from_static("/dynamic_subclass.DynamicSubclassService/Call");
/// First pause before a busy server is asked again; it doubles.
const BUSY_FIRST: Duration = Duration::from_millis(20);
/// The longest such pause.
const BUSY_LONGEST: Duration = Duration::from_millis(500);

/// What a call came to, and when its answer was there.
pub(super) struct Exchanged {
    pub(super) result: Result<Payload, Trouble>,
    pub(super) at: Instant,
}

impl Run {
    /// Asks until there is an answer or the time is over. A busy server is asked again: it may be at a
    /// call whose time was over before it was done.
    pub(super) async fn exchange(
        &self,
        connection: &Connection,
        call: &Call,
        deadline: Instant,
    ) -> Exchanged {
        let ended = |result| Exchanged {
            result,
            at: Instant::now(),
        };
        let mut pause = BUSY_FIRST;
        let mut was_busy = false;
        loop {
            match self
                .request(connection, CALL, call.body.clone(), deadline)
                .await
            {
                Some(Ok(answer)) => {
                    let at = answer.at;
                    return Exchanged {
                        result: sized(answer, call)
                            .and_then(read)
                            .and_then(|payload| shaped(payload, call)),
                        at,
                    };
                }
                Some(Err(fault)) if fault.kind == FaultKind::Busy => {
                    was_busy = true;
                    sleep_until(deadline.min(Instant::now() + pause)).await;
                    pause = (pause * 2).min(BUSY_LONGEST);
                    if Instant::now() >= deadline {
                        return ended(Err(busy()));
                    }
                }
                Some(Err(fault)) => return ended(Err(trouble(fault))),
                None if was_busy => return ended(Err(busy())),
                None => return ended(Err(Trouble::new(Cause::Deadline, "no answer in time"))),
            }
        }
    }

    /// One request; none when its time is over.
    pub(super) async fn request(
        &self,
        connection: &Connection,
        path: PathAndQuery,
        body: prost::bytes::Bytes,
        deadline: Instant,
    ) -> Option<Result<Answer, Fault>> {
        let wants_proof = self.common.security.wants_proof();
        let expected = wants_proof.then(|| Expected::from(&*self.info()));
        let left = deadline.saturating_duration_since(Instant::now());
        let asked = connection.ask(path, body, expected.as_ref(), left);
        tokio::select! {
            answer = timeout_at(deadline, asked) => answer.ok(),
            () = self.cut.cancelled() => {
                Some(Err(Fault::new(FaultKind::Unavailable, "it was disconnected")))
            }
        }
    }
}

/// The answer, when it is not larger than the caller wants.
fn sized(answer: Answer, call: &Call) -> Result<Answer, Trouble> {
    match (answer.message.len(), call.limit) {
        (bytes, Some(limit)) if bytes > limit => {
            let words = format!("an answer of {bytes} bytes, above the limit of {limit}");
            Err(Trouble::new(Cause::WrongShape, words))
        }
        _ => Ok(answer),
    }
}

/// The answer, when its shape is what the caller wants.
fn shaped(payload: Payload, call: &Call) -> Result<Payload, Trouble> {
    match &call.check {
        Some(check) => match check(&payload) {
            Ok(()) => Ok(payload),
            Err(words) => Err(Trouble::new(Cause::WrongShape, words)),
        },
        None => Ok(payload),
    }
}

fn busy() -> Trouble {
    Trouble::new(
        Cause::Busy,
        "its server was at an earlier call all the while",
    )
}

fn read(answer: Answer) -> Result<Payload, Trouble> {
    let nonsense = |words: String| Trouble::new(Cause::Nonsense, words);
    let response = CallResponse::decode(answer.message)
        .map_err(|error| nonsense(format!("an answer that is no message: {error}")))?;
    let status = response
        .status
        .ok_or_else(|| nonsense("an answer without a status".into()))?;
    let cause = match status.code.as_str() {
        "SUCCESS" => return Payload::decode(response.method_response).map_err(nonsense),
        "MODEL_FAILED" | "SETUP_FAILED" | "UNKNOWN" => Cause::Raised,
        "BAD_IMPLEMENTATION" => Cause::BadImplementation,
        "FAILED_PRECONDITION" => Cause::NotSetUp,
        "INVALID_ARGUMENT" => Cause::Invalid,
        other => {
            return Err(nonsense(format!(
                "an answer with the unknown status {other:?}"
            )));
        }
    };
    Err(Trouble::new(cause, status.message))
}

fn trouble(fault: Fault) -> Trouble {
    let cause = match fault.kind {
        FaultKind::Busy => Cause::Busy,
        FaultKind::TooLargeForIt => Cause::CallTooLarge,
        FaultKind::TooLargeForUs => Cause::AnswerTooLarge,
        FaultKind::Unavailable => Cause::Unavailable,
        FaultKind::Deadline => Cause::Deadline,
        FaultKind::Refused => Cause::Refused,
        FaultKind::Unauthenticated => Cause::Unauthenticated,
        FaultKind::Untrusted => Cause::Untrusted,
        FaultKind::Internal => Cause::Raised,
        FaultKind::Nonsense => Cause::Nonsense,
    };
    Trouble::new(cause, fault.detail)
}

#[cfg(test)]
mod tests {
    use prost::bytes::Bytes;

    use super::*;

    fn read_hex(text: &str) -> Result<Payload, Trouble> {
        let message = Bytes::from(hex::decode(text).unwrap());
        read(Answer {
            message,
            at: Instant::now(),
        })
    }

    #[test]
    fn real_answers_are_read() {
        let number = read_hex("0a090a0753554343455353120c10011a08000000000000f83f");
        assert_eq!(number, Ok(Payload::Double(1.5)));
        assert_eq!(read_hex("0a090a0753554343455353"), Ok(Payload::None));
    }

    #[test]
    fn what_is_too_large_is_not_looked_at() {
        let call = Call::new("predict", &[]).unwrap().limited(4);
        let answer = |bytes: usize| Answer {
            message: vec![0xff; bytes].into(),
            at: Instant::now(),
        };
        assert!(sized(answer(4), &call).is_ok());
        let trouble = sized(answer(5), &call).map(|it| it.at).unwrap_err();
        assert_eq!(trouble.cause, Cause::WrongShape);
        assert!(trouble.detail.contains("5 bytes, above the limit of 4"));
    }

    #[test]
    fn nonsense_is_that_models_nonsense() {
        for text in ["ff", "", "0a00", "0a050a03414243"] {
            let trouble = read_hex(text).unwrap_err();
            assert_eq!(trouble.cause, Cause::Nonsense, "{text}: {trouble}");
        }
    }
}
