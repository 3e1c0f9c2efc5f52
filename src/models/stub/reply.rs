//! Answers on the wire.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame};
use prost::{Message, bytes::Bytes};

use crate::models::{
    proto::{commons, dynamic_subclass},
    wire::framed,
};

/// A body of a few frames.
#[derive(Debug, Default)]
pub(super) struct Reply(VecDeque<Frame<Bytes>>);

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

fn response(body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

/// A message, and behind it the status that all went well.
pub(super) fn message(message: &impl Message) -> Response<Reply> {
    raw(framed(message))
}

/// Bytes in place of a framed message.
pub(super) fn raw(bytes: Bytes) -> Response<Reply> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    response(Reply(
        [Frame::data(bytes), Frame::trailers(trailers)].into(),
    ))
}

/// A gRPC error.
pub(super) fn error(code: tonic::Code, text: &str) -> Response<Reply> {
    let status = tonic::Status::new(code, text);
    let mut response = response(Reply::default());
    // Only text that is no header fails.
    let _ = status.add_header(response.headers_mut());
    response
}

/// What a call of a model comes to.
pub(super) fn outcome(code: &str, text: &str, value: Option<commons::Variant>) -> Response<Reply> {
    message(&dynamic_subclass::CallResponse {
        status: Some(status(code, text)),
        method_response: value,
    })
}

pub(super) fn status(code: &str, text: &str) -> commons::Status {
    commons::Status {
        code: code.into(),
        message: text.into(),
    }
}
