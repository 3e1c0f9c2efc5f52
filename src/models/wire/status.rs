//! What went wrong on the way to a model or at its server, before the model itself was asked.

use tonic::Code;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) detail: String,
}

/// The kinds that are to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The server works on an earlier call.
    Busy,
    /// Our message is larger than the server reads.
    TooLargeForIt,
    /// Its message is larger than is read here.
    TooLargeForUs,
    /// There is no connection, or it broke.
    Unavailable,
    /// The server's own time ran out.
    Deadline,
    /// The server does not know the request, or refuses it.
    Refused,
    /// The server does not take our credentials.
    Unauthenticated,
    /// The server did not prove who it is.
    Untrusted,
    /// Something raised inside the server.
    Internal,
    /// The answer is no gRPC, or no message.
    Nonsense,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail }
    }

    /// What a status stands for. `is_connected`: whether the connection still holds.
    pub(super) fn of(status: &tonic::Status, is_connected: bool) -> Self {
        let text = status.message();
        let words = words(status);
        let kind = match status.code() {
            // Over TLS a server says so when it does not take our certificate.
            _ if !is_connected && words.contains("received fatal alert") => {
                FaultKind::Unauthenticated
            }
            _ if !is_connected && is_made_here(status) => FaultKind::Unavailable,
            Code::ResourceExhausted if text.eq_ignore_ascii_case("server busy") => FaultKind::Busy,
            Code::ResourceExhausted => FaultKind::TooLargeForIt,
            Code::OutOfRange if text.contains("decoded message length too large") => {
                FaultKind::TooLargeForUs
            }
            Code::Unavailable | Code::Cancelled => FaultKind::Unavailable,
            Code::DeadlineExceeded => FaultKind::Deadline,
            Code::Unauthenticated => FaultKind::Unauthenticated,
            Code::Unimplemented
            | Code::PermissionDenied
            | Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition => FaultKind::Refused,
            _ if is_nonsense(status) => FaultKind::Nonsense,
            _ => FaultKind::Internal,
        };
        Self::new(kind, format!("{:?}: {words}", status.code()))
    }
}

/// The status's text, and behind it what caused it.
fn words(status: &tonic::Status) -> String {
    let text = status.message();
    let cause = std::error::Error::source(status).map(innermost);
    match cause.filter(|cause| !text.contains(cause.as_str())) {
        Some(cause) => format!("{text} ({cause})"),
        None => text.to_owned(),
    }
}

/// Whether the status was not sent by the server.
fn is_made_here(status: &tonic::Status) -> bool {
    std::error::Error::source(status).is_some() || is_nonsense(status)
}

fn is_nonsense(status: &tonic::Status) -> bool {
    let text = status.message();
    [
        "grpc-status header missing",
        "protocol error",
        "Missing response message",
        "http2 error",
        "h2 protocol error",
    ]
    .iter()
    .any(|words| text.contains(words))
}

pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tonic::Status;

    use super::*;

    #[rstest]
    #[case(Status::resource_exhausted("Server busy"), FaultKind::Busy)]
    #[case(
        Status::resource_exhausted("CLIENT: Received message larger than max (9 vs. 4)"),
        FaultKind::TooLargeForIt
    )]
    #[case(
        Status::out_of_range(
            "Error, decoded message length too large: found 9 bytes, the limit is: 4 bytes"
        ),
        FaultKind::TooLargeForUs
    )]
    #[case(Status::unavailable("down"), FaultKind::Unavailable)]
    #[case(
        Status::unauthenticated("Signature expired"),
        FaultKind::Unauthenticated
    )]
    #[case(Status::unimplemented("Method not found!"), FaultKind::Refused)]
    #[case(Status::unknown("Exception calling application"), FaultKind::Internal)]
    #[case(
        Status::internal("protocol error: received message with invalid compression flag: 60"),
        FaultKind::Nonsense
    )]
    #[case(Status::deadline_exceeded("Deadline Exceeded"), FaultKind::Deadline)]
    fn statuses_are_told_apart(#[case] status: Status, #[case] expected: FaultKind) {
        assert_eq!(Fault::of(&status, true).kind, expected);
    }
}
