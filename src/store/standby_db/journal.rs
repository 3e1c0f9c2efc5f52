//! The journal of a wallet that several workers share. What is written is checked against the lease in the
//! same statement.

use async_trait::async_trait;
use sqlx::{Row as _, postgres::PgRow};
use time::OffsetDateTime;

use super::{
    super::{
        Lead, Sent, SharedSteps, State, StoreError, Submission, Transition, Wallet,
        journal_rows::{Columns, corrupt, step, submission},
        journal_sql::{DAY_OF_BLOCKS, REACH},
    },
    StandbyDb,
};

/// The lease's row is locked until the steps are in: nobody takes the lease between the check and them.
const APPEND: &str = "WITH lease AS MATERIALIZED (SELECT token FROM standby_leases \
        WHERE chain_id = $1 AND address = $2 AND owner = $3 AND token = $4 FOR SHARE), \
    kept AS (INSERT INTO standby_transactions (hash, bytes, sequence) \
        SELECT t.hash, t.bytes, t.sequence FROM lease, \
            UNNEST($5::text[], $6::bytea[], $7::bigint[]) AS t (hash, bytes, sequence) \
        ON CONFLICT DO NOTHING), \
    written AS (INSERT INTO standby_journal (token, at, chain_id, address, topic, nonce, window_end, \
            state, value, tx_hash, endpoint, height, code, codespace, detail) \
        SELECT lease.token, s.at, $1, $2, s.topic, s.nonce, s.window_end, s.state, s.value, s.tx_hash, \
            s.endpoint, s.height, s.code, s.codespace, s.detail \
        FROM lease, UNNEST($8::timestamptz[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], \
            $13::text[], $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::text[], \
            $19::text[]) WITH ORDINALITY AS s (at, topic, nonce, window_end, state, value, tx_hash, \
            endpoint, height, code, codespace, detail, place) \
        ORDER BY s.place RETURNING id) \
    SELECT (SELECT count(*) FROM lease) AS leads, \
        COALESCE((SELECT max(id) FROM written), 0) AS last";

/// The newest step of each window, the newest window first.
const NEWEST: &str = "SELECT DISTINCT ON (n.nonce, n.topic) n.* FROM standby_journal n \
    WHERE n.chain_id = $1 AND n.address = $2 AND n.nonce > $3 \
    ORDER BY n.nonce DESC, n.topic DESC, n.id DESC LIMIT $4";

/// To the newest steps `j`: the first step's time, and the newest signed transaction, if that was not
/// refused or replaced since.
const JOINED: &str = "CROSS JOIN LATERAL (SELECT min(f.at) AS since FROM standby_journal f \
        WHERE f.chain_id = j.chain_id AND f.address = j.address AND f.topic = j.topic \
        AND f.nonce = j.nonce) f \
    LEFT JOIN LATERAL (SELECT p.id, p.tx_hash, p.value FROM standby_journal p \
        WHERE p.chain_id = j.chain_id AND p.address = j.address AND p.topic = j.topic \
        AND p.nonce = j.nonce AND p.state = 'prepared' ORDER BY p.id DESC LIMIT 1) s \
        ON NOT EXISTS (SELECT FROM standby_journal r WHERE r.chain_id = j.chain_id \
            AND r.address = j.address AND r.topic = j.topic AND r.nonce = j.nonce AND r.id > s.id \
            AND r.state IN ('rejected', 'superseded')) \
    LEFT JOIN standby_transactions t ON t.hash = s.tx_hash";

const AFTER: &str = "SELECT j.*, t.bytes AS s_bytes, t.hash AS s_hash, t.sequence AS s_sequence \
    FROM standby_journal j LEFT JOIN standby_transactions t ON t.hash = j.tx_hash \
        AND j.state = 'prepared' \
    WHERE j.chain_id = $1 AND j.address = $2 AND j.id > $3 ORDER BY j.id LIMIT $4";

/// As the journal in SQLite tells it: what may be out.
const SENT: &str = "SELECT t.hash, t.bytes, min(j.at) AS at \
    FROM standby_journal j JOIN standby_transactions t ON t.hash = j.tx_hash \
    WHERE j.chain_id = $1 AND j.address = $2 AND j.at >= $3 \
        AND j.nonce > (SELECT max(m.nonce) - $4 FROM standby_journal m \
            WHERE m.chain_id = $1 AND m.address = $2) \
        AND (j.state IN ('broadcast', 'included') OR (j.state = 'prepared' AND NOT EXISTS \
            (SELECT FROM standby_journal n WHERE n.chain_id = j.chain_id AND n.address = j.address \
                AND n.topic = j.topic AND n.nonce = j.nonce AND n.id > j.id))) \
    GROUP BY t.hash ORDER BY min(j.at)";

const BEFORE_NEWEST: &str = "SELECT id FROM standby_journal WHERE chain_id = $1 AND address = $2 \
    ORDER BY id DESC OFFSET $3 LIMIT 1";

/// A text as the server takes it: it keeps none with a zero byte, as a node's words may hold.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The columns of steps, one list each.
#[derive(Default)]
struct Lists {
    hashes: Vec<String>,
    bytes: Vec<Vec<u8>>,
    sequences: Vec<i64>,
    at: Vec<OffsetDateTime>,
    topics: Vec<i64>,
    nonces: Vec<i64>,
    ends: Vec<i64>,
    states: Vec<String>,
    values: Vec<Option<String>>,
    tx_hashes: Vec<Option<String>>,
    endpoints: Vec<Option<String>>,
    heights: Vec<Option<i64>>,
    codes: Vec<Option<i64>>,
    codespaces: Vec<Option<String>>,
    details: Vec<Option<String>>,
}

impl Lists {
    fn of(steps: &[Transition]) -> Self {
        let mut lists = Self::default();
        for step in steps {
            let columns = Columns::from(step);
            let text = |it: Option<&str>| it.map(clean);
            if let State::Prepared(tx) = &step.state
                && !lists.hashes.contains(&tx.hash)
            {
                lists.hashes.push(tx.hash.clone());
                lists.bytes.push(tx.bytes.clone());
                lists.sequences.push(tx.sequence.cast_signed());
            }
            lists.at.push(step.at);
            lists.topics.push(step.key.topic.0.cast_signed());
            lists.nonces.push(step.key.nonce.0);
            lists.ends.push(step.window_end.0);
            lists.states.push(step.state.name().as_str().to_owned());
            lists.values.push(text(step.value.as_deref()));
            lists.tx_hashes.push(text(columns.hash));
            lists.endpoints.push(text(columns.endpoint));
            lists.heights.push(columns.height);
            lists.codes.push(columns.code.map(i64::from));
            lists.codespaces.push(text(columns.codespace));
            lists.details.push(text(columns.detail));
        }
        lists
    }
}

#[async_trait]
impl SharedSteps for StandbyDb {
    async fn write(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        steps: &[Transition],
    ) -> Result<i64, StoreError> {
        let lists = Lists::of(steps);
        let mut connection = self.on(&self.journal).await?;
        let written = sqlx::query(APPEND)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(&lead.owner)
            .bind(lead.token)
            .bind(lists.hashes)
            .bind(lists.bytes)
            .bind(lists.sequences)
            .bind(lists.at)
            .bind(lists.topics)
            .bind(lists.nonces)
            .bind(lists.ends)
            .bind(lists.states)
            .bind(lists.values)
            .bind(lists.tx_hashes)
            .bind(lists.endpoints)
            .bind(lists.heights)
            .bind(lists.codes)
            .bind(lists.codespaces)
            .bind(lists.details)
            .try_map(|row: PgRow| Ok((row.try_get::<i64, _>("leads")?, row.try_get("last")?)))
            .fetch_one(&mut connection)
            .await;
        let (leads, last) = written.map_err(|cause| self.journal.failed(cause))?;
        self.journal.put_back(connection);
        if leads == 0 {
            return Err(fenced(wallet));
        }
        Ok(last)
    }

    async fn after(
        &self,
        wallet: &Wallet,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Transition)>, StoreError> {
        let mut connection = self.on(&self.journal).await?;
        let rows = sqlx::query(AFTER)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut connection)
            .await;
        let rows = rows.map_err(|cause| self.journal.failed(cause))?;
        self.journal.put_back(connection);
        let read = |row: &PgRow| Ok((row.try_get("id")?, step(row, wallet, row.try_get("at")?)?));
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|cause| corrupt(&cause))
    }

    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError> {
        let reach = "(SELECT COALESCE(max(m.nonce), 0) FROM standby_journal m \
            WHERE m.chain_id = $1 AND m.address = $2)";
        let newest = NEWEST.replacen("$3", &format!("{reach} - $3"), 1);
        let end = "WHERE j.state NOT IN ('counted', 'outranked', 'expired', 'superseded') \
            ORDER BY j.nonce, j.topic";
        self.submissions(&newest, end, wallet, REACH, i64::MAX)
            .await
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        let end = "ORDER BY j.nonce DESC, j.topic";
        self.submissions(NEWEST, end, wallet, i64::MIN, limit.into())
            .await
    }

    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        let mut connection = self.on(&self.journal).await?;
        let sent = sqlx::query(SENT)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(since)
            .bind(DAY_OF_BLOCKS)
            .try_map(|row: PgRow| {
                Ok(Sent {
                    at: row.try_get("at")?,
                    bytes: row.try_get("bytes")?,
                    hash: row.try_get("hash")?,
                })
            })
            .fetch_all(&mut connection)
            .await;
        let sent = sent.map_err(|cause| self.journal.failed(cause))?;
        self.journal.put_back(connection);
        Ok(sent)
    }

    async fn before_newest(&self, wallet: &Wallet, count: u32) -> Result<i64, StoreError> {
        let mut connection = self.on(&self.journal).await?;
        let number = sqlx::query_scalar(BEFORE_NEWEST)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(i64::from(count))
            .fetch_optional(&mut connection)
            .await;
        let number = number.map_err(|cause| self.journal.failed(cause))?;
        self.journal.put_back(connection);
        Ok(number.unwrap_or(0))
    }

    async fn set_aside(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        chain_id: &str,
    ) -> Result<(), StoreError> {
        let mut connection = self.on(&self.journal).await?;
        let done = sqlx::query(
            "WITH lease AS MATERIALIZED (SELECT token FROM standby_leases \
                WHERE chain_id = $1 AND address = $2 AND owner = $3 AND token = $4 FOR SHARE), \
             moved AS (UPDATE standby_journal j SET chain_id = $5 FROM lease \
                WHERE j.chain_id = $1 AND j.address = $2) \
             SELECT count(*) FROM lease",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(&lead.owner)
        .bind(lead.token)
        .bind(chain_id)
        .try_map(|row: PgRow| row.try_get::<i64, _>(0))
        .fetch_one(&mut connection)
        .await;
        let leads = done.map_err(|cause| self.journal.failed(cause))?;
        self.journal.put_back(connection);
        (leads == 1).then_some(()).ok_or_else(|| fenced(wallet))
    }
}

impl StandbyDb {
    async fn submissions(
        &self,
        newest: &str,
        end: &str,
        wallet: &Wallet,
        floor: i64,
        limit: i64,
    ) -> Result<Vec<Submission>, StoreError> {
        // Only constants of this file make up the text.
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT j.*, f.since, s.value AS s_value, t.bytes AS s_bytes, t.hash AS s_hash, \
             t.sequence AS s_sequence FROM ({newest}) j {JOINED} {end}"
        ));
        let mut connection = self.on(&self.journal).await?;
        let rows = sqlx::query(sql)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(floor)
            .bind(limit)
            .fetch_all(&mut connection)
            .await;
        let rows = rows.map_err(|cause| self.journal.failed(cause))?;
        self.journal.put_back(connection);
        let read = |row: &PgRow| submission(row, row.try_get("since")?);
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|cause| corrupt(&cause))
    }
}

fn fenced(wallet: &Wallet) -> StoreError {
    StoreError::Fenced {
        address: wallet.address.clone(),
    }
}
