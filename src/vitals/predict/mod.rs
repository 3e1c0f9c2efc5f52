//! How the Predict worker fares: kept from what it tells, for its own pages.

mod facts;
mod hear;
mod http;
mod metrics;
mod ready;
#[cfg(test)]
mod tests;

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    oneshot,
};

use self::{facts::Faring, http::Seen};
use super::{
    Attendant, PageParts,
    attendant::{self, Office, Shared},
    heart::Heart,
};
use crate::{
    clock::SharedClock,
    ops::{Mask, Reporter, Shutdown, Stamped, TaskGroup},
    pulse::Pulses,
};

const OFFICE: Office = Office {
    thread: "predict-vitals",
    key: "predict.http.listen",
    goes_on: "models are told and asked all the same",
};

/// What the attendant of a Predict worker needs.
pub struct PredictParts {
    /// What is told, from its first word on.
    pub heard: Receiver<Arc<Stamped>>,
    /// Texts that nothing may show.
    pub secrets: Vec<SecretString>,
    /// Who tells the operator.
    pub reporter: Reporter,
    /// The date.
    pub clock: SharedClock,
    /// The tasks' signs of life, and how long they may give none.
    pub pulses: (Pulses, Duration),
    /// The server.
    pub page: PageParts,
}

impl Attendant {
    /// Begins to keep how a Predict worker fares. An address that is taken is told of, and done without.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn of_predict(parts: PredictParts) -> io::Result<Self> {
        let (page, reporter) = (Some(parts.page.listen), parts.reporter.clone());
        Self::begin(OFFICE, page, &reporter, |listener, left| {
            attend(parts, listener, left)
        })
    }
}

async fn attend(
    parts: PredictParts,
    listener: Option<TcpListener>,
    mut left: oneshot::Receiver<()>,
) {
    let mut heard = parts.heard;
    // Without pages nobody asks.
    let Some(listener) = listener else { return };
    let faring = Shared::<Faring>::default();
    let heart = Heart::default();
    let mut group = TaskGroup::new(Shutdown::new(), parts.reporter);
    let seen = Seen {
        faring: faring.clone(),
        heart: heart.clone(),
        clock: parts.clock,
        mask: Arc::new(Mask::new(parts.secrets)),
    };
    let router = http::router(seen, parts.page.gate.as_ref());
    attendant::serve(&mut group, listener, router, heart, parts.pulses);
    loop {
        tokio::select! {
            biased;
            told = heard.recv() => match told {
                Ok(told) => faring.hold().hear(&told),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            _ = &mut left => return,
        }
    }
}
