//! The worker: from open windows to counted submissions.

mod config;

pub use config::{CompetitionConfig, TopicConfig, WorkerConfig};
