//! What a run starts from: its settings, its guards, its logs.

use std::sync::Arc;

use crate::{
    chain::Signer,
    cli::{RunArgs, attend, failure::Failure, process, rooms, terminal},
    clock::SharedClock,
    config::Settings,
    ops::{Event, Pidfile, Reporter, ReporterOptions},
    pulse::Pulses,
    vitals::Attendant,
};

/// What a worker starts from.
pub(super) struct Start {
    pub(super) attendant: Option<Arc<Attendant>>,
    pub(super) pulses: Pulses,
    pub(super) settings: Settings,
    pub(super) signer: Signer,
    pub(super) reporter: Reporter,
    pub(super) started: std::time::Instant,
    pub(super) pidfile: String,
}

/// Reads the settings, takes the data folder, and begins the logs.
pub(super) fn prepare(args: &RunArgs) -> Result<(Start, Pidfile), Failure> {
    let started = std::time::Instant::now();
    let mut settings = Settings::load_asking(&args.overrides(), terminal::ask)?;
    if !args.dry_run {
        settings.consent()?;
    }
    let signer = rooms::signer(settings.wallet()?)?;
    // From here on the key is in the signer alone; the logs' mask knows it by digests.
    let secrets = settings.secrets();
    settings.wallet = None;
    let first = Event::Starting {
        version: env!("CARGO_PKG_VERSION"),
        network: settings.network_name.clone(),
        chain_id: settings.network.chain_id.clone(),
        pid: std::process::id(),
    };
    let mut options = ReporterOptions::new(settings.artifacts.clone());
    options.clock = Arc::new(args.clock.unwrap_or_default());
    let heard = options.tap.listen();
    let (pidfile, reporter) = process::open_with(
        options,
        &settings.ops,
        secrets.clone(),
        first,
        &settings.notices,
    )?;
    let pulses = Pulses::default();
    let is_alarmed = !(args.once || args.dry_run);
    let attended = (
        Arc::new(args.clock.unwrap_or_default()) as SharedClock,
        pulses.clone(),
        is_alarmed,
    );
    let attendant = attend::attend(&settings, heard, secrets, &reporter, attended);
    let start = Start {
        attendant,
        pulses,
        settings,
        signer,
        reporter,
        started,
        pidfile: pidfile.path().display().to_string(),
    };
    Ok((start, pidfile))
}
