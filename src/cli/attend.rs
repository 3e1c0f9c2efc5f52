//! Who keeps how the worker fares, tells it to others, and shows it.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::broadcast::Receiver;

use super::page_room;
use crate::{
    alerts::AlarmParts,
    clock::SharedClock,
    config::Settings,
    ops::{Event, Reporter, Stamped},
    page::serve,
    pulse::Pulses,
    token::Gate,
    vitals::{Attendant, AttendantParts, Limits, PageParts, Shared},
};

/// Has the vitals kept from what is heard. Without them the worker does its work all the same.
pub(super) fn attend(
    settings: &Settings,
    heard: Receiver<Arc<Stamped>>,
    secrets: Vec<SecretString>,
    reporter: &Reporter,
    (clock, pulses, is_alarmed): (SharedClock, Pulses, bool),
) -> Option<Arc<Attendant>> {
    let ops = &settings.ops;
    let vitals = Shared::default();
    let url = settings.alert_url.clone().filter(|_| is_alarmed);
    let begun = Attendant::start(AttendantParts {
        page: page_parts(settings, &vitals, &clock),
        vitals,
        heard,
        path: settings.artifacts.vitals(),
        secrets,
        reporter: reporter.clone(),
        clock,
        limits: Limits {
            candle_seconds: settings.forecast.max_age.as_secs_f64(),
            low_balance: settings.fees.low_balance,
            forecasts: true,
        },
        pulses: (pulses, ops.stuck_after),
        alarm: url.map(|url| {
            let (config, path) = (settings.alerts.clone(), settings.artifacts.alerts());
            AlarmParts { config, url, path }.watch()
        }),
    });
    match begun {
        Ok(attendant) => Some(Arc::new(attendant)),
        Err(cause) => {
            reporter.emit(Event::Trouble {
                cause: format!("how the worker fares is not kept: {cause}"),
                remedy: "windows are answered all the same; raise the limit of threads".into(),
            });
            None
        }
    }
}

fn page_parts(settings: &Settings, vitals: &Shared, clock: &SharedClock) -> Option<PageParts> {
    let http = &settings.ops.http;
    let listen = http.address().ok().flatten()?;
    let form = settings.ops.page.then(serve::sign_in);
    let token = settings.http_token.as_ref();
    let gate = token.map(|token| Gate::new(token, form));
    let is_open = gate.is_none();
    let room = settings
        .ops
        .page
        .then(|| page_room::room(settings, vitals, clock, is_open));
    Some(PageParts { listen, gate, room })
}
