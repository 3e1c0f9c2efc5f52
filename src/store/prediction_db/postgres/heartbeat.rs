//! A heartbeat, statement by statement.

use std::{collections::HashMap, time::Duration};

use sqlx::{Connection as _, PgConnection, Postgres as Pg, Row as _, Transaction, postgres::PgRow};

use super::super::{
    super::{Beat, Held, Known, Sign},
    rows,
    values::id,
};

/// Ids as they are stored, each with the model's own.
pub(super) fn stored(models: &[String]) -> HashMap<String, &str> {
    let names = models.iter().map(|it| (id(it).into_owned(), it.as_str()));
    names.collect()
}

pub(super) fn name(row: &PgRow, names: &HashMap<String, &str>) -> Result<String, sqlx::Error> {
    let stored: String = row.try_get("model_id")?;
    let own = names.get(&stored).map(|&own| own.to_owned());
    Ok(own.unwrap_or(stored))
}

/// One heartbeat. Each statement awaits the one before, so that a worker that no longer waits for a
/// server that froze does not take anything when that goes on.
pub(super) async fn transact(
    connection: &mut PgConnection,
    beat: &Beat,
) -> Result<Held, sqlx::Error> {
    let mut all = connection.begin().await?;
    let own = renew(&mut all, beat).await?;
    let names = stored(&beat.listed);
    let listed: Vec<&str> = names.keys().map(String::as_str).collect();
    note_told(&mut all, beat, own).await?;
    give(&mut all, beat, own).await?;
    drop_unwanted(&mut all, beat, own, &listed).await?;
    add_wanted(&mut all, beat, &listed).await?;
    bury(&mut all, beat).await?;
    let mut held = count(&mut all, beat, own).await?;
    held.models = models(&mut all, own, &names).await?;
    let room = held.limit(&beat.worker).saturating_sub(held.models.len());
    let taken = take(&mut all, beat, own, room).await?;
    if taken > 0 {
        held.free -= taken.min(held.free);
        held.models = models(&mut all, own, &names).await?;
    }
    held.known = known(&mut all, beat, own).await?;
    all.commit().await?;
    Ok(held)
}

/// `now()` is the time at which the transaction began, so that waiting for a lock lengthens no lease.
async fn renew(all: &mut Transaction<'_, Pg>, beat: &Beat) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO workers AS w (crunch_id, name, beats, lapses_at) \
         VALUES ($1, $2, 1, now() + make_interval(secs => $3)) \
         ON CONFLICT (crunch_id, name) DO UPDATE SET beats = w.beats + 1, \
         lapses_at = GREATEST(w.lapses_at, excluded.lapses_at) RETURNING id",
    )
    .bind(id(&beat.crunch_id))
    .bind(id(&beat.worker))
    .bind(beat.lapse.as_secs_f64())
    .fetch_one(&mut **all)
    .await
}

/// Whoever takes a model over later then knows whether it was told the past.
async fn note_told(
    all: &mut Transaction<'_, Pg>,
    beat: &Beat,
    own: i64,
) -> Result<(), sqlx::Error> {
    if beat.told.is_empty() {
        return Ok(());
    }
    let (models, deployments): (Vec<_>, Vec<_>) = beat
        .told
        .iter()
        .map(|(model, deployment)| (id(model), deployment.as_deref().map(id)))
        .unzip();
    sqlx::query(
        "UPDATE leases l SET told = t.told FROM UNNEST($2::text[], $3::text[]) AS t (model_id, told) \
         WHERE l.owner = $1 AND l.model_id = t.model_id AND l.told IS DISTINCT FROM t.told",
    )
    .bind(own)
    .bind(models)
    .bind(deployments)
    .execute(&mut **all)
    .await
    .map(drop)
}

async fn give(all: &mut Transaction<'_, Pg>, beat: &Beat, own: i64) -> Result<(), sqlx::Error> {
    if beat.give.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE leases SET owner = NULL WHERE owner = $1 AND model_id = ANY($2)")
        .bind(own)
        .bind(stored(&beat.give).into_keys().collect::<Vec<_>>())
        .execute(&mut **all)
        .await
        .map(drop)
}

/// Models that are neither listed nor were seen lately. What others hold is theirs to drop.
async fn drop_unwanted(
    all: &mut Transaction<'_, Pg>,
    beat: &Beat,
    own: i64,
    listed: &[&str],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM leases WHERE crunch_id = $1 AND model_id IN (\
         SELECT l.model_id FROM leases l WHERE l.crunch_id = $1 \
         AND (l.owner IS NULL OR l.owner = $2) AND l.model_id <> ALL($3) \
         AND NOT EXISTS (SELECT FROM models m WHERE m.crunch_id = l.crunch_id \
         AND m.model_id = l.model_id AND m.last_seen >= now() - make_interval(secs => $4)) \
         FOR UPDATE SKIP LOCKED)",
    )
    .bind(id(&beat.crunch_id))
    .bind(own)
    .bind(listed)
    .bind(beat.absent_within.as_secs_f64())
    .execute(&mut **all)
    .await
    .map(drop)
}

/// In one order, so that two workers don't wait for each other.
async fn add_wanted(
    all: &mut Transaction<'_, Pg>,
    beat: &Beat,
    listed: &[&str],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO leases (crunch_id, model_id) SELECT $1, w.model_id FROM (\
         SELECT UNNEST($2::text[]) AS model_id UNION \
         SELECT model_id FROM models WHERE crunch_id = $1 \
         AND last_seen >= now() - make_interval(secs => $3)) AS w \
         WHERE NOT EXISTS (SELECT FROM leases l WHERE l.crunch_id = $1 \
         AND l.model_id = w.model_id) ORDER BY w.model_id COLLATE \"C\" ON CONFLICT DO NOTHING",
    )
    .bind(id(&beat.crunch_id))
    .bind(listed)
    .bind(beat.absent_within.as_secs_f64())
    .execute(&mut **all)
    .await
    .map(drop)
}

/// A worker that renews just now is passed over, and one that comes back later finds itself unknown. That
/// it has lapsed by the server's clock, which may be set, is not enough: it must have been silent, too.
async fn bury(all: &mut Transaction<'_, Pg>, beat: &Beat) -> Result<(), sqlx::Error> {
    if beat.bury.is_empty() {
        return Ok(());
    }
    let (workers, beats): (Vec<_>, Vec<_>) =
        beat.bury.iter().map(|it| (it.worker, it.beats)).unzip();
    sqlx::query(
        "DELETE FROM workers WHERE id IN (SELECT w.id FROM workers w \
         JOIN UNNEST($2::bigint[], $3::bigint[]) AS s (id, beats) \
         ON w.id = s.id AND w.beats = s.beats \
         WHERE w.crunch_id = $1 AND w.lapses_at < now() FOR UPDATE OF w SKIP LOCKED)",
    )
    .bind(id(&beat.crunch_id))
    .bind(workers)
    .bind(beats)
    .execute(&mut **all)
    .await
    .map(drop)
}

/// What the worker holds.
async fn models(
    all: &mut Transaction<'_, Pg>,
    own: i64,
    names: &HashMap<String, &str>,
) -> Result<Vec<String>, sqlx::Error> {
    let models = sqlx::query("SELECT model_id FROM leases WHERE owner = $1 ORDER BY 1")
        .bind(own)
        .fetch_all(&mut **all)
        .await?;
    models.iter().map(|row| name(row, names)).collect()
}

/// What is known of models that the worker did not hold before. A row that makes no sense is like none.
async fn known(
    all: &mut Transaction<'_, Pg>,
    beat: &Beat,
    own: i64,
) -> Result<Vec<Known>, sqlx::Error> {
    let found = sqlx::query(
        "SELECT m.crunch_id, m.model_id, m.model_name, m.cruncher_id, m.cruncher_name, \
         m.deployment_id, (extract(epoch FROM m.first_seen) * 1000)::bigint AS first_seen, \
         (extract(epoch FROM m.last_seen) * 1000)::bigint AS last_seen, \
         (extract(epoch FROM m.metrics_since) * 1000)::bigint AS metrics_since, \
         l.told IS NOT DISTINCT FROM m.deployment_id AS is_told \
         FROM leases l JOIN models m ON m.crunch_id = l.crunch_id AND m.model_id = l.model_id \
         WHERE l.owner = $1 AND l.model_id <> ALL($2)",
    )
    .bind(own)
    .bind(stored(&beat.known).into_keys().collect::<Vec<_>>())
    .fetch_all(&mut **all)
    .await?;
    let read = |row: &PgRow| {
        let record = rows::model(row).ok()?;
        let is_told = row.try_get("is_told").ok()?;
        Some(Known { record, is_told })
    };
    Ok(found.iter().filter_map(read).collect())
}

async fn count(all: &mut Transaction<'_, Pg>, beat: &Beat, own: i64) -> Result<Held, sqlx::Error> {
    let others = sqlx::query(
        "SELECT w.id, w.name, w.beats, count(l.model_id) AS held, w.lapses_at >= now() AS lives, \
         extract(epoch FROM w.lapses_at - now())::double precision AS lapse FROM workers w \
         LEFT JOIN leases l ON l.owner = w.id WHERE w.crunch_id = $1 AND w.id <> $2 \
         GROUP BY w.id ORDER BY w.name",
    )
    .bind(id(&beat.crunch_id))
    .bind(own)
    .fetch_all(&mut **all)
    .await?;
    let counts = sqlx::query(
        "SELECT count(*) AS total, count(*) FILTER (WHERE owner IS NULL) AS free \
         FROM leases WHERE crunch_id = $1",
    )
    .bind(id(&beat.crunch_id))
    .fetch_one(&mut **all)
    .await?;
    let mut held = Held {
        total: unsigned(counts.try_get("total")?),
        free: unsigned(counts.try_get("free")?),
        ..Held::default()
    };
    for row in &others {
        held.signs.push(Sign {
            worker: row.try_get("id")?,
            beats: row.try_get("beats")?,
        });
        if row.try_get("lives")? {
            let other = (row.try_get("name")?, unsigned(row.try_get("held")?));
            held.others.push(other);
            let lapse = Duration::try_from_secs_f64(row.try_get("lapse")?).ok();
            held.next_lapse = [held.next_lapse, lapse].into_iter().flatten().min();
        }
    }
    Ok(held)
}

/// Takes free models, but not those that were just given back. What another is taking at this moment is
/// passed over.
async fn take(
    all: &mut Transaction<'_, Pg>,
    beat: &Beat,
    own: i64,
    most: usize,
) -> Result<usize, sqlx::Error> {
    if most == 0 {
        return Ok(0);
    }
    let taken = sqlx::query(
        "UPDATE leases SET owner = $2 WHERE crunch_id = $1 AND model_id IN (\
         SELECT model_id FROM leases WHERE crunch_id = $1 AND owner IS NULL \
         AND model_id <> ALL($3) ORDER BY model_id LIMIT $4 FOR UPDATE SKIP LOCKED)",
    )
    .bind(id(&beat.crunch_id))
    .bind(own)
    .bind(stored(&beat.give).into_keys().collect::<Vec<_>>())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .execute(&mut **all)
    .await?;
    Ok(usize::try_from(taken.rows_affected()).unwrap_or(usize::MAX))
}

fn unsigned(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}
