//! A wallet's past, kept up to date: of the journal only what was written since is read.

use std::collections::HashMap;

use sqlx::{Row as _, sqlite::SqliteRow};

use super::{JournaledWindow, Ledger, Past, Payment};
use crate::{
    store::{StateName, StoreError, Wallet, journal_sql::date},
    types::{Height, Nonce, TopicId, WindowKey},
};

/// Each window with its newest step, when it was first sent, and in which block it was.
const WINDOWS: &str = "SELECT j.id, j.topic, j.nonce, j.window_end, j.state, j.detail, j.at AS last, \
    g.first, g.sent, i.height, p.value, COALESCE(i.tx_hash, b.tx_hash) AS hash, b.endpoint \
    FROM (SELECT max(id) AS id, min(at) AS first, \
            min(CASE WHEN state = 'broadcast' THEN at END) AS sent, \
            min(CASE WHEN state = 'included' AND tx_hash <> '' THEN id END) AS held, \
            max(CASE WHEN state = 'prepared' THEN id END) AS signed, \
            max(CASE WHEN state = 'broadcast' THEN id END) AS taken \
        FROM journal WHERE chain_id = ?1 AND address = ?2";
const WINDOWS_END: &str = " GROUP BY nonce, topic) g JOIN journal j ON j.id = g.id \
    LEFT JOIN journal i ON i.id = g.held LEFT JOIN journal p ON p.id = g.signed \
    LEFT JOIN journal b ON b.id = g.taken ORDER BY j.nonce, j.topic";

/// Those windows alone that a step was written of after one. `+` keeps SQLite from going through all of a
/// wallet's steps to find these few.
const SINCE: &str = " AND (nonce, topic) IN (SELECT nonce, topic FROM journal \
    WHERE id > ?3 AND +chain_id = ?1 AND +address = ?2)";

/// Transactions that a block holds: those of an answer that is in, and those that a block has refused.
const PAYMENTS: &str = "SELECT t.hash, t.bytes, min(j.at) AS at \
    FROM journal j JOIN transactions t ON t.hash = j.tx_hash \
    WHERE j.chain_id = ?1 AND j.address = ?2 AND (j.state = 'included' OR (j.state = 'broadcast' \
        AND 'rejected' = (SELECT n.state FROM journal n WHERE n.chain_id = j.chain_id \
            AND n.address = j.address AND n.topic = j.topic AND n.nonce = j.nonce \
            AND n.id > j.id ORDER BY n.id LIMIT 1)))";
const PAYMENTS_END: &str = " GROUP BY t.hash ORDER BY at";

/// What is known of a wallet, and up to which step of the journal.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    past: Past,
    wallet: Option<Wallet>,
    /// The newest step that was read, whoever's.
    read: i64,
    /// The newest of the wallet's own.
    own: i64,
    payments: HashMap<String, Payment>,
}

impl Followed {
    /// What is known.
    #[must_use]
    pub const fn past(&self) -> &Past {
        &self.past
    }

    /// Takes what is known.
    #[must_use]
    pub fn into_past(self) -> Past {
        self.past
    }

    /// Brings it up to date with what a ledger tells of a wallet. `denom` is the coin that fees are paid in.
    ///
    /// # Errors
    /// When the database can't be read: then it holds what it held, or nothing.
    pub async fn follow(
        &mut self,
        ledger: &Ledger,
        wallet: &Wallet,
        denom: &str,
    ) -> Result<(), StoreError> {
        let is_same = self.wallet.as_ref() == Some(wallet);
        if !is_same || (self.own > 0 && !ledger.is_of(wallet, self.own).await?) {
            *self = Self {
                wallet: Some(wallet.clone()),
                ..Self::default()
            };
        }
        // First of all: what is written meanwhile is read again.
        let newest = ledger.newest_step().await?;
        if newest < self.read {
            let wallet = self.wallet.take();
            *self = Self {
                wallet,
                ..Self::default()
            };
        }
        if newest > self.read {
            let windows = ledger.windows_since(wallet, self.read).await?;
            let payments = ledger.payments_since(wallet, self.read, denom).await?;
            self.take_windows(windows);
            self.take_payments(payments);
            self.read = newest;
        }
        let rules = ledger.rules(wallet).await?;
        (self.past.runs, self.past.terms) = (rules.runs, rules.terms);
        self.past.unready = rules.unready;
        Ok(())
    }

    fn take_windows(&mut self, windows: Vec<(i64, JournaledWindow)>) {
        let all = &mut self.past.windows;
        let order = |it: &JournaledWindow| (it.key.nonce, it.key.topic);
        for (step, window) in windows {
            self.own = self.own.max(step);
            let place = all.partition_point(|it| order(it) < order(&window));
            match all.get_mut(place).filter(|it| it.key == window.key) {
                Some(known) => *known = window,
                // The newest, most often.
                None => all.insert(place, window),
            }
        }
    }

    fn take_payments(&mut self, payments: Vec<(String, Payment)>) {
        if payments.is_empty() {
            return;
        }
        for (hash, payment) in payments {
            let known = self.payments.entry(hash).or_insert(payment);
            // It was told of another window of the same transaction before.
            known.at = known.at.min(payment.at);
        }
        self.past.payments = self.payments.values().copied().collect();
        self.past.payments.sort_by_key(|it| it.at);
    }
}

impl Ledger {
    /// The windows of which a step was written after the one with this number, each with its newest step's
    /// number; by nonce. All of them from 0 on.
    pub(super) async fn windows_since(
        &self,
        wallet: &Wallet,
        step: i64,
    ) -> Result<Vec<(i64, JournaledWindow)>, StoreError> {
        let since = if step > 0 { SINCE } else { "" };
        let sql = format!("{WINDOWS}{since}{WINDOWS_END}");
        let numbered = |row: &SqliteRow| Ok((row.try_get("id")?, window(row)?));
        self.rows_of(sql, wallet, step, numbered).await
    }

    /// The payments of those windows by their transactions' hashes.
    pub(super) async fn payments_since(
        &self,
        wallet: &Wallet,
        step: i64,
        denom: &str,
    ) -> Result<Vec<(String, Payment)>, StoreError> {
        let since = if step > 0 { SINCE } else { "" };
        let sql = format!("{PAYMENTS}{since}{PAYMENTS_END}");
        let payment = |row: &SqliteRow| {
            let bytes: Vec<u8> = row.try_get("bytes")?;
            let paid = Payment::of(date(row.try_get("at")?), &bytes, denom);
            Ok((row.try_get("hash")?, paid))
        };
        self.rows_of(sql, wallet, step, payment).await
    }

    /// Whether a step of the journal is still this wallet's: one of a chain that began anew is not.
    pub(super) async fn is_of(&self, wallet: &Wallet, step: i64) -> Result<bool, StoreError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM journal WHERE id = ? AND chain_id = ? AND address = ?)";
        sqlx::query_scalar(sql)
            .bind(step)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// The number of the journal's newest step, whoever's; 0 without any.
    pub(super) async fn newest_step(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT COALESCE(max(id), 0) FROM journal")
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// As `rows_since`, of a text that is put together from constants of this room.
    async fn rows_of<T>(
        &self,
        sql: String,
        wallet: &Wallet,
        since: i64,
        read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&wallet.chain_id)
            .bind(&wallet.address);
        let query = if since > 0 { query.bind(since) } else { query };
        let rows = query.fetch_all(&self.pool).await;
        self.read_all(rows, read)
    }
}

fn window(row: &SqliteRow) -> Result<JournaledWindow, sqlx::Error> {
    let name: String = row.try_get("state")?;
    let state = StateName::parse(&name)
        .ok_or_else(|| sqlx::Error::Decode(format!("unknown state {name:?}").into()))?;
    let nonce: i64 = row.try_get("nonce")?;
    let height: Option<i64> = row.try_get("height")?;
    let cause: Option<String> = row.try_get("detail")?;
    Ok(JournaledWindow {
        key: WindowKey {
            topic: TopicId(row.try_get::<i64, _>("topic")?.cast_unsigned()),
            nonce: Nonce(nonce),
        },
        end: Height(row.try_get("window_end")?),
        first: date(row.try_get("first")?),
        sent: row.try_get::<Option<i64>, _>("sent")?.map(date),
        last: date(row.try_get("last")?),
        state,
        cause: cause.filter(|_| state == StateName::Expired),
        value: row.try_get("value")?,
        blocks: height.map(|height| height - nonce),
        hash: row.try_get("hash")?,
        endpoint: row.try_get("endpoint")?,
    })
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
