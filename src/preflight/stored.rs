//! Looking at the databases, and at the prices at hand and to be had.

use super::{Area, Check, Look, PricesFrom, Tell, databases, prices};
use crate::{
    config::Settings,
    store::{DatabaseUrl, StoreError, glance_at_server},
};

impl Look {
    /// The databases, and the prices at hand and to be had.
    pub(super) async fn stored(&self, tell: &Tell) {
        if let (Some(found), Some(artifacts)) = (self.database().await, self.artifacts()) {
            let _ = tell.send(vec![databases::judge_file(found, &artifacts.database())]);
        }
        let Some(settings) = self.settings() else {
            return;
        };
        let shared = async {
            let found = match standby(settings) {
                None => return,
                Some(Ok(url)) => glance_at_server(&url, self.plan.effort.database).await,
                Some(Err(error)) => Err(error),
            };
            let _ = tell.send(databases::judge_server(&found));
        };
        tokio::join!(shared, self.prices(settings, tell));
    }

    async fn prices(&self, settings: &Settings, tell: &Tell) {
        let Some(from) = &self.plan.prices else {
            return;
        };
        let wants = prices::Wants {
            forecast: &settings.forecast,
            now: self.now,
        };
        let tickers = &self.plan.tickers;
        if let PricesFrom::File { path, is_replayed } = from {
            if settings.prices.is_some() && tickers.len() > 1 {
                let what = format!(
                    "a file holds one ticker, and the topics ask for {}",
                    tickers.join(", ")
                );
                let remedy = "leave --prices out, or choose topics of one ticker";
                let check = Check::error(Area::Prices, "file", what, remedy).ends_a_start();
                let _ = tell.send(vec![check]);
            }
            let (path, is_replayed) = (path.clone(), *is_replayed);
            let forecast = settings.forecast.clone();
            let now = self.now;
            let read = tokio::task::spawn_blocking(move || {
                let wants = prices::Wants {
                    forecast: &forecast,
                    now,
                };
                prices::look_at_file(&path, is_replayed, &wants)
            });
            if let Ok(check) = read.await {
                let _ = tell.send(vec![check]);
            }
            return;
        }
        let store = self.store().await;
        let (history, quota) = prices::history(store, tickers, &settings.market, &wants).await;
        let _ = tell.send(history);
        let (Some(limit), Some(ticker)) = (self.plan.effort.prices, tickers.first()) else {
            return;
        };
        let asked = prices::ask(from, &settings.market, ticker, quota, limit);
        let _ = tell.send(asked.await);
    }
}

/// The database that several workers of the wallet share, where one is named and would be used.
pub(super) fn standby(settings: &Settings) -> Option<Result<DatabaseUrl, StoreError>> {
    use secrecy::ExposeSecret as _;
    let url = settings.standby_database_url.as_ref()?;
    (!settings.network.rpc.is_empty()).then(|| url.expose_secret().parse())
}
