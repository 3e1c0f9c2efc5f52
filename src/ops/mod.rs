//! Operations: what the operator sees and holds on to.

mod event;

pub use event::{Event, WindowSource};
