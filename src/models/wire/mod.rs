//! One gRPC connection to a model's server: HTTP/2 in plaintext, over mutual TLS, or to a gateway.

mod codec;
mod connection;
mod credentials;
#[cfg(test)]
pub(super) mod fuzz;
mod gateway;
mod health;
mod secure;
mod status;
mod wallet;

pub(super) use self::{
    codec::{LARGEST, framed},
    connection::{Answer, Connection, Target},
    credentials::Security,
    status::{Fault, FaultKind},
};
pub(super) use wallet::Expected;
