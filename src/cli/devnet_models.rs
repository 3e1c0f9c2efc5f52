//! `devnet --models`: a network of models as a process of its own.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use time::{OffsetDateTime, macros::format_description};
use tokio::time::sleep;

use crate::models::{
    Value,
    stub::{
        Behaviour, Change, Forecaster, Load, Mind, ModelFile, StubItem, StubModel, StubOptions,
        StubOrchestrator, Style,
    },
};

/// How often the file and the reports are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Stubs when neither they nor a file are asked for.
const USUAL_STUBS: usize = 5;
/// After which time a stub counts a price half.
const HALF_LIVES: [(&str, u64); 4] = [
    ("day", 86_400),
    ("week", 604_800),
    ("hour", 3_600),
    ("month", 2_592_000),
];
/// Who owns the stubs.
const OWNERS: [&str; 7] = ["ada", "boris", "chloe", "dmitri", "esi", "femi", "greta"];

/// Flags of `devnet` for the models.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Models")]
pub(super) struct ModelsArgs {
    /// Run a network of models in place of the chain: an orchestrator, and models for it to list.
    /// With --listen or --topic the chain runs beside it
    #[arg(long)]
    pub(super) models: bool,
    /// Where the orchestrator listens
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9091",
        requires = "models"
    )]
    models_listen: SocketAddr,
    /// The crunch whose models it lists
    #[arg(
        long,
        value_name = "ID",
        default_value = "condorgame",
        requires = "models"
    )]
    crunch_id: String,
    /// Models in this process, which forecast from the prices they are told [default: 5; 0 with
    /// --model-file]
    #[arg(long, value_name = "N", requires = "models")]
    stubs: Option<usize>,
    /// So many of the stubs never answer a prediction
    #[arg(long, value_name = "N", default_value_t = 0, requires = "models")]
    hanging: usize,
    /// So many of the stubs raise an exception at each prediction
    #[arg(long, value_name = "N", default_value_t = 0, requires = "models")]
    raising: usize,
    /// So many of the stubs answer "hello"
    #[arg(long, value_name = "N", default_value_t = 0, requires = "models")]
    nonsense: usize,
    /// Models that run elsewhere
    #[arg(
        long,
        value_name = "FILE",
        requires = "models",
        help = "Models that run elsewhere: a JSON object a line, or a list of them, with model_id, deployment_id, host, port, and where known model_name, cruncher_name, cruncher_id and state (RUNNING, RECOVERING, STOPPED). It is read again when it changes"
    )]
    model_file: Option<PathBuf>,
}

/// Why the models can't run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelsFailure {
    /// The orchestrator's address is taken, or not of this machine.
    #[error(
        "nothing can listen on {address}: {cause}; end what runs there, or name another with --models-listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// A stub has no port.
    #[error(
        "stub {number} can't listen: {cause}; ask for fewer with --stubs, or raise 'ulimit -n'"
    )]
    Stub {
        /// Which one, from 1.
        number: usize,
        /// What the system says.
        cause: io::Error,
    },
    /// More stubs misbehave than there are.
    #[error("{bad} stubs are to misbehave, of {stubs}; raise --stubs to {bad} at least")]
    TooFew {
        /// How many misbehave.
        bad: usize,
        /// How many there are.
        stubs: usize,
    },
}

/// An orchestrator, and the models of this process.
pub(super) struct Models {
    orchestrator: StubOrchestrator,
    stubs: Vec<StubModel>,
    file: Option<ModelFile>,
    reported: usize,
    connected: usize,
    load: Arc<Load>,
    /// Tellings of the past at the last look, and those that were told of.
    past: (usize, usize),
}

impl Models {
    /// Starts all.
    pub(super) async fn start(args: &ModelsArgs) -> Result<Self, ModelsFailure> {
        let usual = if args.model_file.is_some() {
            0
        } else {
            USUAL_STUBS
        };
        let bad = args.hanging + args.raising + args.nonsense;
        let stubs = args.stubs.unwrap_or(usual.max(bad));
        if bad > stubs {
            return Err(ModelsFailure::TooFew { bad, stubs });
        }
        let address = args.models_listen;
        let orchestrator = StubOrchestrator::start(&args.crunch_id, address)
            .await
            .map_err(|cause| ModelsFailure::Listen { address, cause })?;
        let mut models = Self {
            orchestrator,
            stubs: Vec::new(),
            file: args.model_file.clone().map(ModelFile::new),
            reported: 0,
            connected: 0,
            load: Arc::default(),
            past: (0, 0),
        };
        for number in 1..=stubs {
            let behaviour = args.behaviour(stubs - number);
            models.add(number, behaviour).await?;
        }
        Ok(models)
    }

    async fn add(
        &mut self,
        number: usize,
        behaviour: Option<Behaviour>,
    ) -> Result<(), ModelsFailure> {
        let style = Style::ALL[(number - 1) % Style::ALL.len()];
        let (span, half_life) = HALF_LIVES[(number - 1) / Style::ALL.len() % HALF_LIVES.len()];
        let half_life = Duration::from_secs(half_life);
        let options = StubOptions {
            mind: Some(Arc::new(move || {
                Box::new(Forecaster::new(style, half_life)) as Box<dyn Mind>
            })),
            load: Some(Arc::clone(&self.load)),
            ..StubOptions::default()
        };
        let model = StubModel::with(options, ([127, 0, 0, 1], 0).into())
            .await
            .map_err(|cause| ModelsFailure::Stub { number, cause })?;
        let name = match behaviour {
            None => format!("{}-{span}", style.name()),
            Some(Behaviour::Hangs) => "hangs".into(),
            Some(Behaviour::Raises(_)) => "raises".into(),
            Some(_) => "nonsense".into(),
        };
        if let Some(behaviour) = behaviour {
            model.behave_in("predict", behaviour);
        }
        let owner = OWNERS[(number - 1) % OWNERS.len()];
        let mut item = StubItem::new(&number.to_string(), &deployment(number), model.address());
        item.model_name = Some(format!("{name}-{number}"));
        item.cruncher_id = Some(format!("wallet-of-{owner}"));
        item.cruncher_name = Some(owner.to_owned());
        self.orchestrator.list([item]);
        self.stubs.push(model);
        Ok(())
    }

    /// What runs, for the person who started it.
    pub(super) fn words(&self, crunch_id: &str) -> String {
        let address = self.orchestrator.address();
        let file = self.file.as_ref().map_or_else(String::new, |file| {
            format!(", and those in {}", file.path().display())
        });
        format!(
            "🤖 a network of models is up: {} stubs{file}\n   Orchestrator ws://{address}/{crunch_id}",
            self.stubs.len()
        )
    }

    /// Follows the file and tells what happens, for ever.
    pub(super) async fn follow(mut self, tell: impl Fn(&str)) {
        loop {
            for change in self.look() {
                tell(&change);
            }
            sleep(LOOK).await;
        }
    }

    fn look(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        let connected = *self.orchestrator.connections().borrow();
        if connected > self.connected {
            self.connected = connected;
            words.push("🔌 a worker has connected".into());
        }
        words.extend(self.look_at_the_past());
        let reports = self.orchestrator.reports();
        for report in reports.iter().skip(self.reported) {
            let field = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
            let (model, code) = (field("model_id"), field("failure_code"));
            let reason = field("failure_reason");
            words.push(format!(
                "⚠️ {model} was reported as {code} and is stopped: {reason}"
            ));
        }
        self.reported = reports.len();
        let file = self.file.as_mut();
        let changes = file.map_or_else(Vec::new, |file| file.look(&self.orchestrator));
        words.extend(changes.iter().map(|change| match change {
            Change::Running(_) => format!("✅ {change}"),
            Change::Recovering(_) => format!("🔄 {change}"),
            Change::Stopped(_) => format!("⏹️ {change}"),
            Change::Unreadable(_) => format!("⚠️ {change}"),
        }));
        words
    }
}

impl Models {
    /// Tells that models were told the past, once no more are.
    fn look_at_the_past(&mut self) -> Option<String> {
        let (before, told) = self.past;
        let all = self.load.all();
        let is_news = all == before && all > told;
        self.past = (all, if is_news { all } else { told });
        is_news.then(|| {
            let most = self.load.most();
            format!("📼 models were told the past {all} times, at most {most} at once")
        })
    }
}

impl ModelsArgs {
    /// Where the orchestrator listens, if there is one.
    pub(super) fn listens(&self) -> Option<SocketAddr> {
        self.models.then_some(self.models_listen)
    }

    /// The crunch.
    pub(super) fn crunch_id(&self) -> &str {
        &self.crunch_id
    }

    /// How the stub behaves before which so many stand, counted from the last.
    fn behaviour(&self, place: usize) -> Option<Behaviour> {
        let (hanging, raising) = (self.hanging, self.hanging + self.raising);
        if place < hanging {
            Some(Behaviour::Hangs)
        } else if place < raising {
            Some(Behaviour::Raises("boom".into()))
        } else if place < raising + self.nonsense {
            Some(Behaviour::Gives(Value::String("hello".into())))
        } else {
            None
        }
    }
}

/// A deployment's id, in the form that orchestrators give: each start of this process deploys anew.
fn deployment(number: usize) -> String {
    let form =
        format_description!("[year][month][day]_[hour][minute][second]_[subsecond digits:3]");
    let now = OffsetDateTime::now_utc().format(&form).unwrap_or_default();
    format!("{number}_{now}")
}

#[cfg(test)]
#[path = "devnet_models_tests.rs"]
mod tests;
