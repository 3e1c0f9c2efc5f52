//! Operations: what the operator sees and holds on to.

mod anew;
mod config;
mod descriptors;
mod diagnostics;
mod error;
mod event;
mod files;
#[cfg(test)]
pub(crate) mod fuzz;
mod gauge_event;
mod hardening;
mod held;
mod log_file;
mod mask;
mod phrase;
mod predict_event;
mod predict_words;
mod prediction;
mod predictions;
mod readiness;
mod recording;
mod reporter;
mod rotate;
#[cfg(test)]
pub(crate) mod samples;
mod score_event;
#[cfg(test)]
mod scripts_tests;
#[cfg(test)]
mod service_tests;
mod shutdown;
mod singleton;
mod stand_ins;
mod standby_event;
mod systemd;
mod tap;
mod tasks;
mod watch_event;
mod watchdog;
mod words;
mod writer;

pub(crate) use anew::BEGUN_ANEW;
pub use anew::{Anew, NotBegun};
pub use config::{HttpConfig, OpsConfig, address_of};
pub use descriptors::{FEW, raise_descriptors};
pub use diagnostics::install_diagnostics;
pub use error::OpsError;
pub use event::{Event, WindowSource};
pub use files::Artifacts;
pub(crate) use files::replace_unsynced;
pub use gauge_event::{EndpointGauge, GaugeEvent, Need};
pub use hardening::{CORE_DUMPS, harden, keep_private};
pub use held::{Holder, holder_of_folder, holder_of_wallet};
pub use mask::Mask;
pub use phrase::{Level, Words, complaint};
pub use predict_event::PredictEvent;
pub use prediction::{Basis, Prediction, Status};
pub use readiness::Phase;
pub use recording::Recording;
pub use reporter::{Reporter, ReporterOptions};
pub use score_event::ScoreEvent;
pub use shutdown::Shutdown;
pub use singleton::{Pidfile, WalletLock};
pub use stand_ins::StandIns;
pub use standby_event::StandbyEvent;
pub use systemd::is_supervised;
pub use tap::{Stamped, Tap};
pub use tasks::{Ending, TaskGroup};
pub use watch_event::WatchEvent;
pub use watchdog::{Watchdog, WatchdogParts};
