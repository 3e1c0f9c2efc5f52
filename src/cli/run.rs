//! `run`: the worker itself.

use std::{process::ExitCode, time::Duration};

use super::RunArgs;
use crate::{
    config::Settings,
    ops::{Event, Pidfile, Reporter, ReporterOptions, Shutdown, complaint, install_diagnostics},
};

#[allow(clippy::print_stderr, reason = "before there is a log")]
pub(super) fn run(args: &RunArgs) -> ExitCode {
    match prepare(args) {
        Ok((reporter, _guard)) => {
            let code = serve(&reporter);
            let _ = reporter.flush(Duration::from_secs(2));
            code
        }
        Err(refused) => {
            eprintln!("{}", complaint(time::OffsetDateTime::now_utc(), &refused));
            ExitCode::FAILURE
        }
    }
}

fn prepare(args: &RunArgs) -> Result<(Reporter, Pidfile), Box<dyn std::error::Error>> {
    let settings = Settings::load(&args.overrides())?;
    settings.wallet()?;
    let guard = Pidfile::acquire(&settings.artifacts)?;
    let mut options = ReporterOptions::new(settings.artifacts.clone());
    options.config = settings.ops.clone();
    options.secrets = settings.secrets();
    let reporter = Reporter::start(options)?;
    install_diagnostics(&reporter, &settings.ops.diagnostics)?;
    reporter.emit(Event::Starting {
        version: env!("CARGO_PKG_VERSION"),
        network: settings.network_name.clone(),
        chain_id: settings.network.chain_id.clone(),
        pid: std::process::id(),
    });
    Ok((reporter, guard))
}

#[tokio::main(flavor = "current_thread")]
async fn serve(reporter: &Reporter) -> ExitCode {
    let shutdown = match Shutdown::install() {
        Ok(shutdown) => shutdown,
        Err(refused) => {
            reporter.emit(Event::Fatal {
                cause: refused.to_string(),
                remedy: "see above".into(),
            });
            return ExitCode::FAILURE;
        }
    };
    reporter.emit(Event::Ready {
        topics: Vec::new(),
        start_ms: 0,
    });
    let reason = shutdown.requested().await;
    reporter.emit(Event::Stopping {
        signal: reason.clone(),
        in_flight: 0,
    });
    reporter.emit(Event::Stopped { reason });
    ExitCode::SUCCESS
}
