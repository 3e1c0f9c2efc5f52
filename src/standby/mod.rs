//! Several workers of one wallet: one leads and submits, the others stand by.
//!
//! Who leads is decided by a lease in PostgreSQL. The one that leads renews it each third of a heartbeat;
//! what it writes into the shared journal is checked against it, and what it sends is held by a
//! [`Leash`](crate::leash::Leash) that ends before the lease does. The others look each third of a
//! heartbeat, and at the lease's end.

mod config;
mod copy;
mod journal;
mod keeper;
mod name;
mod note;
mod role;

pub use config::{BadStandbyValue, StandbyConfig, WithoutDatabase};
pub use journal::StandbyJournal;
pub use keeper::{Keeper, KeeperParts};
pub use name::own_name;
pub use note::LeadNote;
pub use role::Role;
