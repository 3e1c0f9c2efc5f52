//! The lease of a wallet: each change is one statement.
//!
//! `now()` is the time at which a statement began, so that waiting for a lock lengthens no lease. One that
//! ends further ahead than any lease can was taken before the server's clock was set back: it has lapsed.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{
    Row as _,
    postgres::{PgListener, PgPoolOptions, PgRow},
};
use tokio::time::sleep;

use super::{
    super::{Claim, Lead, Seen, StoreError, Survey, Taken, Wallet, WalletLeases},
    StandbyDb,
};

const LOOK: &str = "SELECT owner, token, (extract(epoch FROM renewed) * 1000000)::bigint AS sign, \
    CASE WHEN until > now() + interval '30 s' THEN 0 \
        ELSE GREATEST(extract(epoch FROM until - now()), 0) END::double precision AS left_seconds \
    FROM standby_leases WHERE chain_id = $1 AND address = $2";

const SURVEY: &str = "SELECT now() AS now, ARRAY(SELECT address FROM standby_leases \
    WHERE chain_id = $1 AND address <> $2 AND owner IS NOT NULL \
        AND until BETWEEN now() AND now() + interval '30 s' \
    ORDER BY address LIMIT 5) AS others";

const TAKE: &str = "INSERT INTO standby_leases AS l (chain_id, address, owner, token, until, renewed) \
    VALUES ($1, $2, $3, 1, now() + make_interval(secs => $4), now()) \
    ON CONFLICT (chain_id, address) DO UPDATE SET owner = excluded.owner, token = l.token + 1, \
        until = excluded.until, renewed = excluded.renewed, \
        previous = COALESCE(l.owner, l.previous), silent = excluded.renewed - l.renewed \
    WHERE l.owner IS NULL OR (l.owner = $3 AND l.token = $5) \
        OR ($6 AND (l.until < now() OR l.until > now() + interval '30 s')) \
    RETURNING token, previous, \
        GREATEST(COALESCE(extract(epoch FROM silent), 0), 0)::double precision AS silent_seconds";

const RENEW: &str = "UPDATE standby_leases SET renewed = now(), \
    until = now() + make_interval(secs => $5) \
    WHERE chain_id = $1 AND address = $2 AND owner = $3 AND token = $4";

const GIVE_BACK: &str = "WITH given AS (UPDATE standby_leases SET owner = NULL, previous = owner, \
        until = now(), renewed = now() \
        WHERE chain_id = $1 AND address = $2 AND owner = $3 AND token = $4 RETURNING 1) \
    SELECT pg_notify('allora_standby', $5) FROM given";

const CHANNEL: &str = "allora_standby";
/// Before a lost listener is opened again. Whoever waits looks by itself meanwhile.
const AGAIN: Duration = Duration::from_secs(5);

/// What is told of a lease that was given back.
fn mark(wallet: &Wallet) -> String {
    format!("{}/{}", wallet.chain_id, wallet.address)
}

fn seconds(row: &PgRow, column: &str) -> Result<Duration, sqlx::Error> {
    let seconds = Duration::try_from_secs_f64(row.try_get(column)?);
    Ok(seconds.unwrap_or_default())
}

#[async_trait]
impl WalletLeases for StandbyDb {
    async fn look(&self, wallet: &Wallet) -> Result<Option<Seen>, StoreError> {
        let mut connection = self.on(&self.leases).await?;
        let found = sqlx::query(LOOK)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .try_map(|row: PgRow| {
                Ok(Seen {
                    owner: row.try_get("owner")?,
                    token: row.try_get("token")?,
                    left: seconds(&row, "left_seconds")?,
                    sign: row.try_get("sign")?,
                })
            })
            .fetch_optional(&mut connection)
            .await;
        let found = found.map_err(|cause| self.leases.failed(cause))?;
        self.leases.put_back(connection);
        Ok(found)
    }

    async fn survey(&self, wallet: &Wallet) -> Result<Survey, StoreError> {
        let mut connection = self.on(&self.leases).await?;
        let found = sqlx::query(SURVEY)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .try_map(|row: PgRow| {
                Ok(Survey {
                    others: row.try_get("others")?,
                    now: row.try_get("now")?,
                })
            })
            .fetch_one(&mut connection)
            .await;
        let found = found.map_err(|cause| self.leases.failed(cause))?;
        self.leases.put_back(connection);
        Ok(found)
    }

    async fn take(&self, wallet: &Wallet, claim: &Claim) -> Result<Option<Taken>, StoreError> {
        let mut connection = self.on(&self.leases).await?;
        let taken = sqlx::query(TAKE)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(&claim.owner)
            .bind(claim.lapse.as_secs_f64())
            .bind(claim.own)
            .bind(claim.may_bury)
            .try_map(|row: PgRow| {
                Ok(Taken {
                    token: row.try_get("token")?,
                    from: row.try_get("previous")?,
                    silent: seconds(&row, "silent_seconds")?,
                })
            })
            .fetch_optional(&mut connection)
            .await;
        let taken = taken.map_err(|cause| self.leases.failed(cause))?;
        self.leases.put_back(connection);
        Ok(taken)
    }

    async fn renew(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        lapse: Duration,
    ) -> Result<bool, StoreError> {
        let mut connection = self.on(&self.leases).await?;
        let renewed = sqlx::query(RENEW)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(&lead.owner)
            .bind(lead.token)
            .bind(lapse.as_secs_f64())
            .execute(&mut connection)
            .await;
        let renewed = renewed.map_err(|cause| self.leases.failed(cause))?;
        self.leases.put_back(connection);
        Ok(renewed.rows_affected() == 1)
    }

    async fn give_back(&self, wallet: &Wallet, lead: &Lead) -> Result<(), StoreError> {
        let mut connection = self.on(&self.leases).await?;
        let given = sqlx::query(GIVE_BACK)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(&lead.owner)
            .bind(lead.token)
            .bind(mark(wallet))
            .execute(&mut connection)
            .await;
        given.map_err(|cause| self.leases.failed(cause))?;
        self.leases.put_back(connection);
        Ok(())
    }

    async fn given_back(&self, wallet: &Wallet) {
        let mut heard = self.heard.lock().await;
        if heard.is_none() {
            *heard = self.listener().await.ok();
        }
        let Some(listener) = heard.as_mut() else {
            sleep(AGAIN).await;
            return;
        };
        let wanted = mark(wallet);
        loop {
            match listener.recv().await {
                Ok(told) if told.payload() == wanted => return,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        *heard = None;
        sleep(AGAIN).await;
    }
}

impl StandbyDb {
    async fn listener(&self) -> Result<PgListener, sqlx::Error> {
        let options = self.leases.options().clone();
        let pool = PgPoolOptions::new().max_connections(1).min_connections(0);
        let pool = pool.acquire_timeout(AGAIN).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}
