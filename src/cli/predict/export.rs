//! `predict export`.

use std::{
    fs::{self, File},
    io::{self, BufWriter, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use time::OffsetDateTime;

use super::{super::failure, database};
use crate::{
    config::{Overrides, Predicting},
    predict::{ExportError, ExportFormat, Exported, export as write_out},
    store::{DatabaseUrl, PredictionDb, PredictionFilter},
};

/// Flags of `predict export`.
#[derive(Args, Clone, Debug)]
pub(super) struct ExportArgs {
    /// The table's format
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The file, which is there when it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only this crunch's
    #[arg(long, value_name = "ID")]
    crunch_id: Option<String>,
    /// Only this model's
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Only this asset's
    #[arg(long, value_name = "NAME")]
    asset: Option<String>,
    /// Only so far ahead: 1h, 86400s
    #[arg(long, value_name = "TIME", value_parser = horizon)]
    horizon: Option<u32>,
    /// First day or time of asking, in UTC
    #[arg(long, value_name = "DATE", value_parser = super::super::prices::time_of)]
    from: Option<OffsetDateTime>,
    /// Day or time of asking before which it ends, in UTC
    #[arg(long, value_name = "DATE", value_parser = super::super::prices::time_of)]
    to: Option<OffsetDateTime>,
    /// The database: postgres://… or a file [default: `DATABASE_URL`, else data/artifacts/predict.db].
    /// Others on this machine can read a process's flags: a password belongs into `DATABASE_URL`
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The worker's data folder [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Parquet => Self::Parquet,
        }
    }
}

fn horizon(text: &str) -> Result<u32, String> {
    let span = humantime_serde::re::humantime::parse_duration(text);
    let seconds = span
        .ok()
        .and_then(|span| u32::try_from(span.as_secs()).ok());
    seconds.ok_or_else(|| "write 1h, 1day or 86400s".into())
}

/// Why predictions were not written out.
enum Failure {
    /// Something has to be corrected.
    Refused(String),
    /// It may go better another time.
    Failed(String),
}

/// Writes predictions out.
#[allow(clippy::print_stderr, reason = "this is the command line")]
pub(super) fn export(args: &ExportArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(|cause| Failure::Failed(cause.to_string()))
        .and_then(|runtime| runtime.block_on(carry_out(args)));
    match done {
        Ok((done, url)) => {
            // Standard output may hold the predictions. Who has left before their end knows it.
            if let Some(Exported { rows, unreadable }) = done {
                eprintln!("📤 {rows} predictions from {url}");
                if unreadable > 0 {
                    eprintln!(
                        "⚠️ {unreadable} of them have answers that can't be read: their payload is empty, \
                         and the column detail says why"
                    );
                }
            }
            ExitCode::SUCCESS
        }
        Err(Failure::Refused(cause)) => {
            eprintln!("❌ ERROR {cause}");
            ExitCode::from(failure::WRONG)
        }
        Err(Failure::Failed(cause)) => {
            eprintln!("❌ ERROR {cause}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(args: &ExportArgs) -> Result<(Option<Exported>, DatabaseUrl), Failure> {
    let is_for_people = args.out.is_none() && io::stdout().is_terminal();
    if args.format == Format::Parquet && is_for_people {
        let cause = "a Parquet file is nothing for a terminal; name a file with --out";
        return Err(Failure::Refused(cause.into()));
    }
    let url = url(args)?;
    // A missing database is a wrong name here, and not to be made.
    if let Some(file) = url.path().filter(|file| !file.is_file()) {
        return Err(Failure::Refused(format!(
            "there is no database at {}; check --data-dir and --database-url",
            file.display()
        )));
    }
    let failed = |cause: &dyn std::fmt::Display| Failure::Failed(cause.to_string());
    let store = PredictionDb::connect(&url)
        .await
        .map_err(|it| failed(&it))?;
    let done = match &args.out {
        Some(path) => to_file(args, &store, path).await.map(Some),
        None => to_stdout(args, &store).await,
    };
    done.map(|done| (done, url)).map_err(|cause| failed(&cause))
}

fn url(args: &ExportArgs) -> Result<DatabaseUrl, Failure> {
    let settings = Predicting::load(&Overrides {
        config: args.config.clone(),
        data_dir: args.data_dir.clone(),
        ..Overrides::default()
    })
    .map_err(|cause| Failure::Refused(cause.to_string()))?;
    database::of_today(&settings, args.database_url.as_deref())
        .map_err(|cause| Failure::Refused(cause.to_string()))
}

fn filter(args: &ExportArgs) -> PredictionFilter {
    PredictionFilter {
        crunch_id: args.crunch_id.clone(),
        model_id: args.model.clone(),
        asset: args.asset.clone(),
        horizon: args.horizon,
        since: args.from,
        until: args.to,
    }
}

async fn to_stdout(
    args: &ExportArgs,
    store: &PredictionDb,
) -> Result<Option<Exported>, ExportError> {
    let to = BufWriter::new(io::stdout());
    match write_out(store, &filter(args), args.format.into(), to).await {
        // Whoever reads it has seen enough.
        Err(cause) if cause.is_broken_pipe() => Ok(None),
        done => done.map(Some),
    }
}

/// Writes beside the file and gives it its name when it is complete.
async fn to_file(
    args: &ExportArgs,
    store: &PredictionDb,
    path: &Path,
) -> Result<Exported, ExportError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let work = async {
        let file = File::create(&beside)?;
        let to = BufWriter::new(&file);
        let done = write_out(store, &filter(args), args.format.into(), to).await?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        Ok(done)
    };
    let done = work.await;
    if done.is_err() {
        // What was written in part would only take space that is already short.
        let _ = fs::remove_file(&beside);
    }
    done
}
