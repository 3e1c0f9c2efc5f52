//! Writing outcomes: each is one short transaction.

use sqlx::{Sqlite, SqliteConnection};
use time::OffsetDateTime;

use super::{
    Field, Noted, Peers, Resolution, Store, StoreError, Wallet,
    outcomes_rows::{decode, name},
};
use crate::types::{Nonce, TopicId};

impl Store {
    pub(super) async fn write_notes(
        &self,
        wallet: &Wallet,
        forecasts: &[Noted],
    ) -> Result<(), StoreError> {
        if forecasts.is_empty() {
            return Ok(());
        }
        let mut insert = sqlx::QueryBuilder::<Sqlite>::new(
            "INSERT INTO outcomes \
             (chain_id, address, topic, nonce, window_end, value, source, opened, clock) ",
        );
        insert.push_values(forecasts, |mut row, it| {
            row.push_bind(&wallet.chain_id)
                .push_bind(&wallet.address)
                .push_bind(it.key.topic.0.cast_signed())
                .push_bind(it.key.nonce.0)
                .push_bind(it.window_end.0)
                .push_bind(it.value)
                .push_bind(it.source.and_then(name))
                .push_bind(it.opened.unix_timestamp())
                .push_bind(it.clock.as_str());
        });
        insert.push(" ON CONFLICT DO NOTHING");
        // Each count of rows is another text: the connection must not keep a statement of each.
        let done = insert.build().persistent(false).execute(&self.pool).await;
        done.map(drop).map_err(|cause| self.failed(cause))
    }

    pub(super) async fn write_outcomes(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        at: OffsetDateTime,
        outcomes: &[(Nonce, Option<Resolution>)],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            for (nonce, resolution) in outcomes {
                sqlx::query(
                    "UPDATE outcomes SET resolved = ?, base = ?, close = ?, outcome = ?, loss = ?, \
                     zero_loss = ? WHERE chain_id = ? AND address = ? AND topic = ? AND nonce = ? \
                     AND resolved IS NULL",
                )
                .bind(at.unix_timestamp())
                .bind(resolution.map(|it| it.base))
                .bind(resolution.map(|it| it.close))
                .bind(resolution.map(|it| it.outcome))
                .bind(resolution.map(|it| it.loss))
                .bind(resolution.map(|it| it.zero_loss))
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .bind(topic.0.cast_signed())
                .bind(nonce.0)
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    pub(super) async fn write_peers(
        &self,
        wallet: &Wallet,
        forecast: &Noted,
        peers: Option<&Peers>,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            if let Some(peers) = peers {
                keep(&mut all, wallet, forecast, peers).await?;
            }
            // What is resolved was resolved with the time that it had.
            sqlx::query(
                "UPDATE outcomes SET asked = 1, peered = max(peered, ?), \
                 opened = CASE WHEN resolved IS NULL THEN ? ELSE opened END, \
                 clock = CASE WHEN resolved IS NULL THEN ? ELSE clock END \
                 WHERE chain_id = ? AND address = ? AND topic = ? AND nonce = ?",
            )
            .bind(i64::from(peers.is_some()))
            .bind(forecast.opened.unix_timestamp())
            .bind(forecast.clock.as_str())
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(forecast.key.topic.0.cast_signed())
            .bind(forecast.key.nonce.0)
            .execute(&mut *all)
            .await?;
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    pub(super) async fn write_ranks(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        fields: &[(Nonce, Field)],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            for (nonce, field) in fields {
                sqlx::query(
                    "UPDATE outcomes SET place = ?, places = ?, median_loss = ?, combined_loss = ? \
                     WHERE chain_id = ? AND address = ? AND topic = ? AND nonce = ?",
                )
                .bind(field.place)
                .bind(field.places)
                .bind(field.median_loss)
                .bind(field.combined_loss)
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .bind(topic.0.cast_signed())
                .bind(nonce.0)
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }
}

async fn keep(
    all: &mut SqliteConnection,
    wallet: &Wallet,
    forecast: &Noted,
    peers: &Peers,
) -> Result<(), sqlx::Error> {
    let text = serde_json::to_string(&peers.inferers).map_err(|error| decode(&error))?;
    sqlx::query(
        "INSERT INTO peers (chain_id, topic, nonce, opened, combined, inferers) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chain_id, topic, nonce) DO UPDATE SET \
         combined = excluded.combined, inferers = excluded.inferers",
    )
    .bind(&wallet.chain_id)
    .bind(forecast.key.topic.0.cast_signed())
    .bind(forecast.key.nonce.0)
    .bind(forecast.opened.unix_timestamp())
    .bind(peers.combined)
    .bind(text)
    .execute(all)
    .await
    .map(drop)
}
