//! `season`: a whole competition on the embedded chain, with faults and kills; hidden, for
//! `scripts/season.sh`.

use std::{env, path::PathBuf, process::ExitCode};

use clap::Args;

use super::progress::Progress;
use crate::{
    clock::FastClock,
    season::{AN_HOUR_A_WINDOW, Plan, SeasonError, WHOLE, play},
};

/// Flags of `season`.
#[derive(Args, Clone, Debug)]
pub(super) struct SeasonArgs {
    /// How many windows are played
    #[arg(long, value_name = "N", default_value_t = WHOLE, value_parser = clap::value_parser!(u64).range(1..))]
    windows: u64,
    /// Where all chance comes from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The worker's program [default: this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// A configuration file for the worker, instead of one whose times are cut as the blocks are
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seconds of the season's clock in a second [default: a window an hour]
    #[arg(long, value_name = "N", default_value_t = AN_HOUR_A_WINDOW, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=i64::from(FastClock::FASTEST)))]
    speed: u32,
    /// An empty folder for all that the worker writes [default: one in
    /// memory, removed after a good season]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
pub(super) fn season(args: &SeasonArgs) -> ExitCode {
    match plan(args).and_then(|plan| run(&plan)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("❌ ERROR {error}");
            ExitCode::FAILURE
        }
    }
}

/// Blocks come fifty times as fast as on a real chain, and no disk is that much faster: a folder in
/// memory, where there is one, stands for a disk at its usual pace.
fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() {
        shared
    } else {
        env::temp_dir()
    }
}

fn file(path: PathBuf) -> impl FnOnce(std::io::Error) -> SeasonError {
    move |cause| SeasonError::File { path, cause }
}

fn plan(args: &SeasonArgs) -> Result<Plan, SeasonError> {
    let own = || env::current_exe().map_err(file("this program".into()));
    let root = match env::var_os("ALLORA_WORKER_HOME").filter(|it| !it.is_empty()) {
        Some(root) => PathBuf::from(root),
        None => env::current_dir().map_err(file(".".into()))?,
    };
    let name = format!("allora-season-{}-{}", args.seed, std::process::id());
    // The worker runs in a folder of its own.
    let absolute = |path: &PathBuf| std::path::absolute(path).map_err(file(path.clone()));
    let folder = args.folder.clone();
    Ok(Plan {
        windows: args.windows,
        seed: args.seed,
        speed: args.speed,
        binary: args.binary.as_ref().map_or_else(own, absolute)?,
        root: absolute(&root)?,
        config: args.config.as_ref().map(absolute).transpose()?,
        folder: absolute(&folder.unwrap_or_else(|| memory().join(name)))?,
    })
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
fn run(plan: &Plan) -> Result<ExitCode, SeasonError> {
    crate::tls::install();
    println!(
        "{} windows, seed {}, in {}",
        plan.windows,
        plan.seed,
        plan.folder.display()
    );
    let runtime = tokio::runtime::Runtime::new().map_err(file("the runtime".into()))?;
    let progress = Progress::new("season", "windows");
    let told = |now: crate::season::Progress| {
        progress.told(now.windows, plan.windows);
        progress.aside(format!("{} kills", now.kills));
    };
    let report = runtime.block_on(play(plan.clone(), told))?;
    progress.end();
    print!("{report}");
    let wrong = report.faults();
    for line in &wrong {
        println!("❌ {line}");
    }
    if wrong.is_empty() {
        println!("✅ a good season");
        // What is left of it is of no use.
        let _left = std::fs::remove_dir_all(&plan.folder);
        return Ok(ExitCode::SUCCESS);
    }
    println!("what the worker wrote is left in {}", plan.folder.display());
    Ok(ExitCode::FAILURE)
}
