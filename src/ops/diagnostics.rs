//! What the program's inside says through `tracing`, brought to the output log.

use std::fmt::Write;

use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{EnvFilter, Layer, layer::Context, layer::SubscriberExt, registry};

use super::{OpsError, Reporter};

/// Sends `tracing`'s events to the reporter's output log: those that `RUST_LOG` lets through, or
/// `default` where it is not set. Known secrets are blotted out there as everywhere.
///
/// # Errors
/// When the filter makes no sense, or another subscriber is set already.
pub fn install_diagnostics(reporter: &Reporter, default: &str) -> Result<(), OpsError> {
    let (variable, filter) = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => ("RUST_LOG", filter),
        _ => ("ops.diagnostics", default.to_owned()),
    };
    let refused = |cause: String| OpsError::Filter { variable, cause };
    let filter = EnvFilter::try_new(filter).map_err(|cause| refused(cause.to_string()))?;
    let reporter = reporter.clone();
    let subscriber = registry().with(filter).with(ToReporter { reporter });
    tracing::subscriber::set_global_default(subscriber).map_err(|cause| refused(cause.to_string()))
}

struct ToReporter {
    reporter: Reporter,
}

impl<S: Subscriber> Layer<S> for ToReporter {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.reporter.diagnose(line(event.metadata(), &text));
    }
}

/// An event's message, and its fields as `name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string can't fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

fn line(about: &Metadata<'_>, text: &Text) -> String {
    let level = *about.level();
    let icon = match level {
        Level::ERROR => "❌",
        Level::WARN => "⚠️",
        _ => "🔍",
    };
    let (target, message, fields) = (about.target(), &text.message, &text.fields);
    format!("{icon} {level} {target}: {message}{fields}")
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::ops::{Artifacts, ReporterOptions};

    #[test]
    fn lines_reach_the_output_log_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        let mut options = ReporterOptions::new(artifacts.clone());
        options.stdout = false;
        options.secrets = vec!["0123456789abcdef".into()];
        let reporter = Reporter::start(options).unwrap();
        let layer = ToReporter {
            reporter: reporter.clone(),
        };
        let subscriber = registry().with(EnvFilter::new("warn")).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(answer = 42, "token 0123456789abcdef refused");
            tracing::info!("not shown");
        });
        assert!(reporter.flush(Duration::from_secs(10)));
        let log = fs::read_to_string(artifacts.output_log()).unwrap();
        assert!(
            log.contains("❌ ERROR allora_worker::ops::diagnostics"),
            "{log}"
        );
        assert!(log.ends_with("token [secret] refused answer=42\n"), "{log}");
        assert_eq!(log.lines().count(), 1);
    }
}
