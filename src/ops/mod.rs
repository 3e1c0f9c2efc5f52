//! Operations: what the operator sees and holds on to.

mod config;
mod diagnostics;
mod error;
mod event;
mod files;
mod log_file;
mod mask;
mod predictions;
mod readiness;
mod recording;
mod reporter;
mod rotate;
#[cfg(test)]
mod samples;
mod shutdown;
mod singleton;
mod tasks;
mod words;
mod writer;

pub use config::OpsConfig;
pub use diagnostics::install_diagnostics;
pub use error::OpsError;
pub use event::{Event, WindowSource};
pub use files::Artifacts;
pub use predictions::{Prediction, Status};
pub use readiness::Phase;
pub use recording::Recording;
pub use reporter::{Reporter, ReporterOptions};
pub use shutdown::Shutdown;
pub use singleton::{Pidfile, WalletLock};
pub use tasks::{Ending, TaskGroup};
pub use words::{Level, Words};
