//! Topics that are answered from a network of models: who reads its predictions, and who answers.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::{
    predict::database,
    rooms::{Closed, closed},
};
use crate::{
    clock::SharedClock,
    config::Settings,
    forecast::{Builtin, DeskHandle, NetworkForecaster, NetworkState, Outside, TopicSource},
    forecasters::network::{Reader, Subject, Tell},
    ops::{Event, Reporter, TaskGroup},
    preflight::Heard,
    store::PredictionDb,
    types::TopicId,
    worker::TopicConfig,
};

/// How long before a window the models are asked first. They answer from memory within milliseconds,
/// and are asked again for each newer round until the window opens.
const LEAD: Duration = Duration::from_secs(5);

/// The networks that topics are answered from.
pub(super) struct Networks {
    pub(super) outside: Vec<(TopicId, Outside)>,
    readers: Vec<(Subject, Reader)>,
    /// Who answers which topic, and how far ahead.
    records: Vec<(TopicId, Duration, NetworkForecaster)>,
    /// The database's file, where it is one.
    file: Option<PathBuf>,
}

/// Opens the networks of all topics that hear one. The database is not asked yet.
pub(super) fn open(
    settings: &Settings,
    built_in: &Arc<Builtin>,
    clock: &SharedClock,
) -> Result<Networks, Closed> {
    let mut networks = Networks {
        outside: Vec::new(),
        readers: Vec::new(),
        records: Vec::new(),
        file: None,
    };
    let heard = |it: &&TopicConfig| it.source != TopicSource::Linfa;
    let topics: Vec<_> = settings.topics.iter().filter(heard).collect();
    if topics.is_empty() {
        return Ok(networks);
    }
    let url = database::of_predictions(settings).map_err(closed)?;
    networks.file = url.path().map(PathBuf::from);
    let store = Arc::new(PredictionDb::new(url));
    let mut seen: Vec<(Subject, watch::Receiver<NetworkState>)> = Vec::new();
    for topic in topics {
        let subject = subject(settings, topic)?;
        let known = seen
            .iter()
            .find(|it| it.0 == subject)
            .map(|it| it.1.clone());
        let state = known.unwrap_or_else(|| {
            let (config, store) = (settings.blend.clone(), Arc::clone(&store));
            let (reader, state) =
                Reader::new(store as _, subject.clone(), config, Arc::clone(clock));
            networks.readers.push((subject.clone(), reader));
            seen.push((subject, state.clone()));
            state
        });
        let forecaster = NetworkForecaster::new(
            topic.source == TopicSource::Blend,
            Arc::clone(built_in),
            state,
            (settings.forecast.clone(), settings.blend.clone()),
            Arc::clone(clock),
        );
        networks
            .records
            .push((topic.id, topic.horizon, forecaster.clone()));
        let outside = Outside {
            source: forecaster.source(),
            forecaster: Arc::new(forecaster),
            time_limit: LEAD,
            closes: usize::MAX,
            labels: Vec::new(),
        };
        networks.outside.push((topic.id, outside));
    }
    Ok(networks)
}

/// Where the topics that hear a network read its predictions, for those who look before a start.
pub(super) fn heard(settings: &Settings) -> Vec<Heard> {
    let hears = |it: &&TopicConfig| it.source != TopicSource::Linfa;
    let of = |topic: &TopicConfig| {
        let subject = subject(settings, topic).map_err(|it| it.to_string());
        let database = database::of_predictions(settings).map_err(|it| it.to_string());
        Heard {
            topic: topic.id,
            crunch_id: subject
                .as_ref()
                .map_or_else(|_| String::new(), |it| it.crunch_id.clone()),
            database: subject.and(database),
        }
    };
    settings.topics.iter().filter(hears).map(of).collect()
}

/// Which predictions a topic is answered from.
fn subject(settings: &Settings, topic: &TopicConfig) -> Result<Subject, Closed> {
    let asset = topic.asset_in(&settings.assets);
    let own = topic.network.clone().unwrap_or_default();
    Ok(Subject {
        crunch_id: own.crunch_id.unwrap_or_else(|| settings.crunch_id.clone()),
        asset: asset.map_err(|missing| closed(format!(
            "topic {}: no asset of predict.assets has the ticker {:?} (there are: {}); add it, or name \
             it: network = {{ asset = \"BTC\" }}",
            topic.id, topic.ticker, missing.known
        )))?,
        horizon: u32::try_from(topic.horizon.as_secs()).map_err(closed)?,
        unit: own.unit.unwrap_or(settings.unit),
    })
}

impl Networks {
    /// Keeps them read while a worker runs.
    pub(super) fn keep(
        self,
        group: &mut TaskGroup,
        poll: Duration,
        desk: &DeskHandle,
        reporter: &Reporter,
    ) {
        for (topic, horizon, forecaster) in self.records {
            let Some(history) = desk.history(topic) else {
                continue;
            };
            let cancel = group.token();
            group.spawn_minor("models' record", move || {
                let (forecaster, cancel) = (forecaster.clone(), cancel.clone());
                let history = history.clone();
                async move { forecaster.keep(history, horizon, cancel).await }
            });
        }
        for (subject, reader) in self.readers {
            let tell = tell(&subject, reporter.clone());
            let kept = Arc::new((Mutex::new(reader), tell, self.file.clone()));
            let cancel = group.token();
            group.spawn_minor("models' predictions", move || {
                let (kept, cancel) = (Arc::clone(&kept), cancel.clone());
                async move {
                    let (reader, tell, file) = kept.as_ref();
                    if await_file(file.as_ref(), poll, &cancel, tell).await {
                        reader.lock().await.run(&cancel, tell).await;
                    }
                }
            });
        }
    }

    /// Reads them once; gives what kept some from being read.
    pub(super) async fn read(&mut self) -> Vec<String> {
        let mut troubles = Vec::new();
        if let Some(file) = self.file.as_ref().filter(|it| !it.exists()) {
            if !self.readers.is_empty() {
                troubles.push(missing(file));
            }
            return troubles;
        }
        for (subject, reader) in &mut self.readers {
            if let Err(why) = reader.look().await {
                troubles.push(format!("the predictions of {subject} can't be read: {why}"));
            }
        }
        troubles
    }
}

/// Waits until the database's file is there: only who writes predictions makes it. False when cancelled.
async fn await_file(
    file: Option<&PathBuf>,
    poll: Duration,
    cancel: &CancellationToken,
    tell: &Tell,
) -> bool {
    let Some(file) = file else { return true };
    let mut told = false;
    while !file.exists() {
        if !std::mem::replace(&mut told, true) {
            tell(Some(missing(file)));
        }
        tokio::select! {
            () = cancel.cancelled() => return false,
            () = tokio::time::sleep(poll) => {}
        }
    }
    true
}

fn missing(file: &std::path::Path) -> String {
    format!(
        "there is no database {} yet; start `predict`, or set DATABASE_URL to where it stores",
        file.display()
    )
}

/// What the operator hears of a database that can't be read. That it can be read again shows in the
/// forecasts.
fn tell(subject: &Subject, reporter: Reporter) -> Tell {
    let subject = subject.to_string();
    Box::new(move |why: Option<String>| {
        if let Some(why) = why {
            reporter.emit(Event::Notice {
                cause: format!("the predictions of {subject} can't be read: {why}"),
                remedy: "until then what is known is used while it is young, and after it the built-in forecast".into(),
            });
        }
    })
}
