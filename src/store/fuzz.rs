//! For `crate::fuzz`: databases' files as a disk left them, packed answers, and names.

use std::{fs, path::PathBuf};

use super::{
    DatabaseUrl, Interval, Packed, PredictionStatus,
    pages::{Pages, beside},
    survey::{Column, Shape, survey},
    write_ahead::WriteAhead,
};
use crate::fuzz::{Form, Target, told};

pub(crate) fn targets() -> Vec<Target> {
    let (file, log) = database();
    let logs = [log.clone()];
    vec![
        Target::new("store-files", Form::Bytes, [file.clone()], move |bytes| {
            salvage(bytes, &log)
        }),
        Target::new("store-logs", Form::Bytes, logs, move |bytes| {
            let parsed = WriteAhead::of(bytes);
            let size = parsed.page_size().unwrap_or_default();
            assert!(size <= 65_536);
            format!(
                "{} {size} {}",
                parsed.damaged(),
                salvage(&file[..4_096], bytes)
            )
        }),
        Target::new("store-packed", Form::Bytes, packed(), |bytes| {
            let read = Packed::from_stored(bytes.to_vec()).text();
            if let Ok(text) = &read {
                assert_eq!(Packed::new(text).text().ok().as_ref(), Some(text));
            }
            told(&read)
        }),
        Target::of_text("store-urls", Form::Text, &URLS, |text| {
            let read = text.parse::<DatabaseUrl>();
            let shown = read
                .as_ref()
                .map_or_else(ToString::to_string, ToString::to_string);
            // As the name of a user, a host or a base it is shown.
            let elsewhere = reqwest::Url::parse(text).is_ok_and(|url| {
                let parts = [
                    Some(url.username()),
                    url.host_str(),
                    Some(url.path()),
                    url.query(),
                ];
                parts.into_iter().flatten().any(|it| it.contains("s3cr3t"))
            });
            let is_password = text.contains(":s3cr3t@host") && !elsewhere;
            assert!(!is_password || !shown.contains("s3cr3t"), "{shown}");
            told(&read)
        }),
        Target::of_text("store-names", Form::Text, &["SUCCESS", "5m"], |text| {
            let status = text.parse::<PredictionStatus>();
            format!("{} {}", told(&status), text.parse::<Interval>().is_ok())
        }),
    ]
}

const URLS: [&str; 3] = [
    "postgres://user:s3cr3t@host:5432/base?sslmode=require",
    "sqlite://data/a.db",
    "postgresql://user@%2Fvar%2Frun/base?host=/var/run&user=u",
];

fn packed() -> Vec<Vec<u8>> {
    let long = "{\"step\": 300, \"weight\": 0.25}, ".repeat(40);
    ["[]", &long]
        .map(|text| Packed::new(text).into_bytes())
        .to_vec()
}

/// What is told of a file and its log.
fn salvage(file: &[u8], log: &[u8]) -> String {
    let place = Place::new();
    fs::write(&place.0, file).expect("a file");
    fs::write(beside(&place.0, "-wal"), log).expect("a log");
    let pages = match Pages::open(&place.0) {
        Ok(pages) => pages,
        Err(error) => return error.to_string(),
    };
    let found = survey(&pages, &shapes());
    let sums: Vec<_> = found
        .tables
        .values()
        .map(|it| (it.leaves.len().min(4), it.damage.min(4)))
        .collect();
    format!("{sums:?} {}", found.orphans.len().min(4))
}

fn shapes() -> Vec<Shape> {
    let column = |name: &str, kind: &str, is_number| Column {
        name: name.into(),
        kind: kind.into(),
        is_needed: false,
        is_number,
    };
    let columns = vec![
        column("id", "INTEGER", true),
        column("at", "BIGINT", false),
        column("text", "TEXT", false),
    ];
    vec![Shape {
        table: "steps".into(),
        columns,
    }]
}

/// A database in memory's file system where there is one, gone with this.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        let pid = std::process::id();
        Self(folder.join(format!("allora-worker-fuzz-{pid}-{number}.db")))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for more in ["", "-wal", "-shm"] {
            let _gone = fs::remove_file(beside(&self.0, more));
        }
    }
}

/// A database with a table whose rows flow over their pages and an index, and its log.
fn database() -> (Vec<u8>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await.expect("a database");
        let make = "CREATE TABLE steps (id INTEGER PRIMARY KEY, at BIGINT, text TEXT);\
                    CREATE INDEX steps_at ON steps (at);\
                    INSERT INTO steps (at, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) \
                      SELECT i * 7, replace(hex(zeroblob(CASE WHEN i % 20 = 0 THEN 5000 ELSE 40 END)), '0', 'x') FROM n;\
                    DELETE FROM steps WHERE id = 40";
        sqlx::raw_sql(make).execute(&pool).await.expect("tables");
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.expect("a file");
        sqlx::raw_sql("UPDATE steps SET at = at + 1 WHERE id < 20").execute(&pool).await.expect("a log");
        let read = |more| fs::read(beside(&path, more)).expect("what was written");
        (read(""), read("-wal"))
    })
}
