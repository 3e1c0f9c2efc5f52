//! A database in memory that stands in for one on a disk that can't be written to.

use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::{
    Store, StoreError, check, earnings,
    loss::Mended,
    mend,
    salvage::{Scope, carry},
};

/// A store, wherever it can be kept at present.
#[derive(Debug)]
pub struct Opened {
    /// The store: on the disk, or in memory.
    pub store: Store,
    /// What was mended on the way.
    pub mended: Option<Mended>,
    /// Why the disk could not be used, and how to bring home what is kept in memory meanwhile.
    pub shelter: Option<Shelter>,
}

/// What is kept in memory until the disk takes it.
#[derive(Debug)]
pub struct Shelter {
    store: Store,
    path: PathBuf,
    /// Why the disk could not be used.
    pub cause: StoreError,
    /// Why nothing of an earlier run could be read, if there was something.
    pub blind: Option<StoreError>,
    /// The newest step that the disk has.
    home: i64,
}

impl Store {
    /// Opens the database at `path` whatever its disk does. One that is damaged is mended first: see
    /// [`Mended`]. Where it can't be written to, what it holds is read into memory and kept there.
    ///
    /// # Errors
    /// When a newer worker has changed its tables, or there is no memory.
    pub async fn open_anyhow(path: &Path) -> Result<Opened, StoreError> {
        match Self::open_mending(path).await {
            Ok((store, mended)) => Ok(Opened {
                store,
                mended,
                shelter: None,
            }),
            Err(cause @ StoreError::Tables { .. }) => Err(cause),
            Err(cause) => {
                let shelter = Shelter::open(path, cause).await?;
                Ok(Opened {
                    store: shelter.store.clone(),
                    mended: None,
                    shelter: Some(shelter),
                })
            }
        }
    }

    async fn open_mending(path: &Path) -> Result<(Self, Option<Mended>), StoreError> {
        // What hinders this hinders the opening as well, which tells of it.
        let _ = mend::finish(path);
        let mended = match check::damage(path).await {
            Some(cause) => Some(mend::mend(path, cause).await?),
            None => None,
        };
        let (store, mended) = match Self::open(path).await {
            // What the look had no time for.
            Err(error) if error.is_damage() && mended.is_none() => {
                let mended = mend::mend(path, error.to_string()).await?;
                (Self::open(path).await?, Some(mended))
            }
            opened => (opened?, mended),
        };
        store.may_write().await?;
        Ok((store, mended))
    }

    /// SQLite opens what it may not write for reading alone, and says nothing.
    async fn may_write(&self) -> Result<(), StoreError> {
        let work = async {
            let mut connection = self.pool.acquire().await?;
            sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK")
                .execute(&mut *connection)
                .await
        };
        work.await.map(drop).map_err(|cause| self.failed(cause))
    }
}

impl Shelter {
    async fn open(path: &Path, cause: StoreError) -> Result<Self, StoreError> {
        let mut store = Store::in_memory().await?;
        let mut blind = None;
        if path.exists()
            && let Err(cause) = carry(path, &store, Scope::Recent).await
        {
            blind = Some(cause);
            store = Store::in_memory().await?;
        }
        let home = newest(&store).await?;
        Ok(Self {
            store,
            path: path.to_owned(),
            cause,
            blind,
            home,
        })
    }

    /// Steps that the disk does not have.
    ///
    /// # Errors
    /// When the database in memory can't be read.
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM journal WHERE id > ?")
            .bind(self.home)
            .fetch_one(&self.store.pool)
            .await
            .map_err(|cause| self.store.failed(cause))?;
        Ok(count.unsigned_abs())
    }

    /// Writes to the disk what it does not have; gives the number of steps. What is damaged there is
    /// mended first.
    ///
    /// # Errors
    /// While the disk can't be written to; nothing is forgotten.
    pub async fn bring_home(&mut self) -> Result<(u64, Option<Mended>), StoreError> {
        let (disk, mended) = Store::open_mending(&self.path).await?;
        disk.pool.close().await;
        let newest = newest(&self.store).await?;
        let written = self
            .copy(newest)
            .await
            .map_err(|cause| disk.failed(cause))?;
        self.home = newest;
        Ok((written, mended))
    }

    async fn copy(&self, newest: i64) -> Result<u64, sqlx::Error> {
        let mut connection = self.store.pool.acquire().await?;
        let path = uri(&self.path);
        // A copy that was given up half way may have left it.
        let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
        let _ = sqlx::raw_sql("DETACH home").execute(&mut *connection).await;
        sqlx::query("ATTACH ? AS home")
            .bind(path)
            .execute(&mut *connection)
            .await?;
        let copied = copy_steps(&mut connection, self.home, newest).await;
        // Prices can be fetched again: they come after the steps are safe, and as far as there is room.
        let all = copied.is_ok()
            && copy_earnings(&mut connection).await.is_ok()
            && copy_prices(&mut connection).await.is_ok();
        if !all {
            // It may be over by itself.
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
        }
        sqlx::raw_sql("DETACH home")
            .execute(&mut *connection)
            .await?;
        copied
    }
}

/// A file as SQLite attaches it to a database in memory: without a mode it would be in memory as well.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for c in path.display().to_string().chars() {
        match c {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri + "?mode=rw&cache=private"
}

async fn newest(store: &Store) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM journal")
        .fetch_one(&store.pool)
        .await
        .map_err(|cause| store.failed(cause))
}

/// What waits for a shared journal, under the numbers that it has at home.
const WAITING: &str = "INSERT OR IGNORE INTO home.journal_waiting (id) \
    SELECT h.id FROM main.journal_waiting AS w JOIN main.journal AS m ON m.id = w.id \
    JOIN home.journal AS h ON h.chain_id = m.chain_id AND h.address = m.address \
        AND h.nonce = m.nonce AND h.topic = m.topic AND h.state = m.state AND h.at = m.at \
    WHERE m.id > ? AND m.id <= ?";

/// Steps get new numbers at home; what else was learnt is taken over where it is missing.
async fn copy_steps(
    connection: &mut SqliteConnection,
    after: i64,
    until: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::raw_sql("PRAGMA home.synchronous = FULL; BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    let columns = columns(connection).await?;
    let steps = format!(
        "INSERT INTO home.journal ({columns}) SELECT {columns} FROM main.journal \
            WHERE id > ? AND id <= ? ORDER BY id"
    );
    let done = sqlx::query(AssertSqlSafe(steps))
        .bind(after)
        .bind(until)
        .execute(&mut *connection)
        .await?;
    sqlx::query(WAITING)
        .bind(after)
        .bind(until)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql(
        "INSERT OR IGNORE INTO home.transactions SELECT * FROM main.transactions; COMMIT",
    )
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected())
}

async fn copy_earnings(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(earnings::BRING_HOME)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn copy_prices(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "BEGIN IMMEDIATE;
        INSERT OR REPLACE INTO home.candles SELECT * FROM main.candles;
        INSERT OR REPLACE INTO home.candles_set_aside SELECT * FROM main.candles_set_aside;
        INSERT INTO home.price_requests SELECT account, at FROM main.price_requests AS m
            WHERE NOT EXISTS (SELECT 1 FROM home.price_requests AS h
                WHERE h.account = m.account AND h.at = m.at);
        COMMIT",
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// The journal's columns but for the number.
async fn columns(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let rows = sqlx::query("SELECT name FROM pragma_table_info('journal') WHERE name <> 'id'")
        .fetch_all(connection)
        .await?;
    let names: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(names?.join(", "))
}
