//! A gRPC codec that passes bytes through: messages are encoded where they are known.

use prost::bytes::{Buf, BufMut};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::leash::Leash;

/// Encodes and decodes nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes {
    /// Looked at when a message is written.
    leash: Option<Leash>,
}

impl Bytes {
    /// Bytes that are given away only while `leash` allows it.
    pub(super) fn leashed(leash: &Leash) -> Self {
        let leash = Some(leash.clone());
        Self { leash }
    }
}

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if let Some(leash) = &self.leash {
            leash
                .check()
                .map_err(|past| Status::from_error(Box::new(past)))?;
        }
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; from.remaining()];
        from.copy_to_slice(&mut item);
        Ok(Some(item))
    }
}
