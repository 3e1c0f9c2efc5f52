//! What an operator sees of the Predict worker: its own pages.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::{
    sync::broadcast::Receiver,
    time::{MissedTickBehavior, interval},
};

use crate::{
    clock::SystemClock,
    config::Predicting,
    models::ModelNetwork,
    ops::{Event, GaugeEvent, Reporter, Stamped, TaskGroup},
    predict::Roll,
    pulse::Pulses,
    token::Gate,
    vitals::{Attendant, PageParts, PredictParts},
};

/// How often models are counted.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Has it kept how the worker fares, where it is asked for. Without it the worker does its work all the same.
pub(super) fn attend(
    settings: &Predicting,
    heard: Receiver<Arc<Stamped>>,
    secrets: Vec<SecretString>,
    reporter: &Reporter,
    pulses: &Pulses,
) -> Option<Arc<Attendant>> {
    let listen = settings.predict.http.address().ok().flatten()?;
    let begun = Attendant::of_predict(PredictParts {
        heard,
        secrets,
        reporter: reporter.clone(),
        clock: Arc::new(SystemClock),
        pulses: (pulses.clone(), settings.ops.stuck_after),
        page: PageParts {
            listen,
            gate: settings.http_token.as_ref().map(|it| Gate::new(it, None)),
            room: None,
        },
    });
    match begun {
        Ok(attendant) => Some(Arc::new(attendant)),
        Err(cause) => {
            reporter.emit(Event::Trouble {
                cause: format!("how the worker fares is not kept: {cause}"),
                remedy: "models are told and asked all the same; raise the limit of threads".into(),
            });
            None
        }
    }
}

/// Counts the models for whoever listens. `pace`: the usual time between two ticks.
pub(super) fn count_models(
    group: &mut TaskGroup,
    network: &Arc<ModelNetwork>,
    roll: &Arc<Roll>,
    pace: Duration,
    reporter: &Reporter,
) {
    let (network, roll) = (Arc::downgrade(network), Arc::clone(roll));
    let reporter = reporter.clone();
    group.spawn_minor("models' count", move || {
        let (network, roll) = (network.clone(), Arc::clone(&roll));
        let reporter = reporter.clone();
        async move {
            let mut counts = interval(COUNT_EVERY);
            counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                counts.tick().await;
                let Some(network) = network.upgrade().filter(|_| reporter.is_heard()) else {
                    continue;
                };
                let listed = network.list_reader()();
                let reading = GaugeEvent::Models {
                    known: roll.len(),
                    listed: listed.map(|it| it.len()),
                    callable: network.models().len(),
                    pace_seconds: pace.as_secs_f64(),
                };
                reporter.emit(reading.into());
            }
        }
    });
}
