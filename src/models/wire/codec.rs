//! gRPC's frames. A call is framed once, and all models are sent the same bytes.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame};
use prost::{
    Message,
    bytes::{Buf, BufMut, Bytes, BytesMut},
};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// The largest message that servers read and that is read from them, bytes.
pub(crate) const LARGEST: usize = 64 << 20;
/// A byte that says whether the message is compressed, and its length.
const HEAD: usize = 5;

/// A message as it stands in a request's body: uncompressed, behind its length.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(HEAD + length);
    bytes.put_u8(0);
    // Calls above 64 MiB are refused where they are made.
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // A buffer that grows takes it whole.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// A request's body: bytes that others may be sending as well.
#[derive(Debug)]
pub(super) struct Shared(Option<Bytes>);

impl Shared {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

impl Body for Shared {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// Hands on an answer's bytes as they came; requests never pass through it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = ();
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tonic::{Code, Streaming};

    use super::*;

    async fn refused(body: &'static [u8]) -> Status {
        let body = Full::new(Bytes::from_static(body));
        let mut answer =
            Streaming::new_response(Raw, body, http::StatusCode::OK, None, Some(LARGEST));
        answer.message().await.expect_err("a refusal")
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_before_anything_follows() {
        let status = refused(b"\x00\xff\xff\xff\xff").await;
        assert_eq!(status.code(), Code::OutOfRange);
        assert!(
            status.message().contains("message length too large"),
            "{status}"
        );
    }

    #[tokio::test]
    async fn nothing_compressed_is_unpacked() {
        let status = refused(b"\x01\x00\x00\x00\x04\x1f\x8b\x08\x00").await;
        assert_eq!(status.code(), Code::Internal, "{status}");
    }
}
