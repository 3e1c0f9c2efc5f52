//! How much disk the outbox takes.

use sqlx::{Row as _, SqliteConnection};

use super::file::{File, remove};

/// Rows of one bite, and about their bytes.
const BITE_ROWS: i64 = 5_000;
const BITE_BYTES: u64 = 4 << 20;
/// Free pages that are kept for what comes next; more are given back to the disk.
const SPARE_PAGES: i64 = 1_024;
/// Pages that are given back at a time.
const BITE_PAGES: i64 = 1_024;

/// The pages of a file.
struct Pages {
    all: i64,
    free: i64,
    size: i64,
}

impl File {
    /// Bytes of the file that hold something: its pages but for the free ones.
    pub(super) async fn used(&self) -> Result<u64, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let pages = pages(&mut connection).await?;
        Ok(((pages.all - pages.free) * pages.size).cast_unsigned())
    }

    /// Removes the oldest until the file holds no more than `cap` bytes: first of what was refused, then
    /// of what waits. A bite is left free, so that it is not done for each row. Gives how many facts are
    /// lost.
    pub(super) async fn trim(&self, cap: u64) -> Result<u64, sqlx::Error> {
        let mut lost = 0;
        if self.used().await? <= cap {
            return Ok(lost);
        }
        let goal = cap.saturating_sub(BITE_BYTES.min(cap / 16));
        while self.used().await? > goal {
            let gone = self.bite(BITE_BYTES.min(cap / 16)).await?;
            if gone == 0 {
                break;
            }
            lost += gone;
        }
        Ok(lost)
    }

    async fn bite(&self, bytes: u64) -> Result<u64, sqlx::Error> {
        let mut all = self.pool.begin().await?;
        let refused = bite_of_refused(&mut all, bytes).await?;
        if refused > 0 {
            all.commit().await?;
            return Ok(refused);
        }
        // All whose predecessors don't fill the bite: at least one row.
        let until: Option<i64> = sqlx::query_scalar(
            "SELECT max(seq) FROM (SELECT seq, sum(bytes) OVER (ORDER BY seq) - bytes AS before \
                FROM (SELECT seq, bytes FROM facts ORDER BY seq LIMIT ?)) WHERE before < ?",
        )
        .bind(BITE_ROWS)
        .bind(bytes.max(1).cast_signed())
        .fetch_one(&mut *all)
        .await?;
        let Some(until) = until else {
            return Ok(0);
        };
        let gone = remove(&mut all, i64::MIN, until).await?;
        all.commit().await?;
        self.gone(gone);
        Ok(gone.0)
    }

    /// Gives free pages back to the disk, in small transactions.
    pub(super) async fn shrink(&self) -> Result<(), sqlx::Error> {
        let mut shrunk = false;
        loop {
            let mut connection = self.pool.acquire().await?;
            let free = pages(&mut connection).await?.free;
            if free <= SPARE_PAGES {
                break;
            }
            let bite = sqlx::AssertSqlSafe(format!(
                "PRAGMA incremental_vacuum({})",
                BITE_PAGES.min(free)
            ));
            sqlx::query(bite).execute(&mut *connection).await?;
            shrunk = true;
        }
        if shrunk {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Facts that the database refused and that are kept, for the operator to look at.
    pub(super) async fn refused(&self) -> Result<u64, sqlx::Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM refused")
            .fetch_one(&self.pool)
            .await?;
        Ok(count.cast_unsigned())
    }
}

async fn bite_of_refused(all: &mut SqliteConnection, bytes: u64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM refused WHERE seq <= \
            (SELECT max(seq) FROM (SELECT seq, sum(bytes) OVER (ORDER BY seq) - bytes AS before \
                FROM (SELECT seq, bytes FROM refused ORDER BY seq LIMIT ?)) WHERE before < ?)",
    )
    .bind(BITE_ROWS)
    .bind(bytes.max(1).cast_signed())
    .execute(all)
    .await?;
    Ok(done.rows_affected())
}

async fn pages(connection: &mut SqliteConnection) -> Result<Pages, sqlx::Error> {
    let row = sqlx::query(
        "SELECT page_count, freelist_count, page_size \
            FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
    )
    .fetch_one(connection)
    .await?;
    Ok(Pages {
        all: row.try_get(0)?,
        free: row.try_get(1)?,
        size: row.try_get(2)?,
    })
}
