//! The search for a wallet in all that a running worker shows, keeps and writes.

mod place;
mod secrets;

pub(crate) use place::{Found, Searched, is_root};
pub(crate) use secrets::{SIGNER, Secrets, WORDS};
