use std::{fs::File, io};

use ::parquet::{
    file::metadata::RowGroupMetaData,
    file::reader::{FileReader as _, SerializedFileReader},
    record::RowAccessor as _,
};
use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::store::{Packed, Prediction, PredictionConfig, PredictionDb, PredictionStatus};

const ANSWER: &str = "[{\"step\": 60, \"type\": \"mixture\", \"note\": \"é, \\\"quoted\\\"\n\"}]";

fn performed(number: i64) -> OffsetDateTime {
    datetime!(2026-01-01 00:00:00.25 UTC) + time::Duration::minutes(number)
}

fn prediction(number: i64, payload: Option<&str>) -> Prediction {
    let config = PredictionConfig {
        asset: "BTC".into(),
        horizon: 3_600,
        step: 60,
        interval: 60,
        active: true,
        order: 0,
        best: None,
    };
    let performed_at = performed(number);
    let is_answer = payload.is_some();
    Prediction {
        crunch_id: "condorgame".into(),
        config: config.key(),
        slot: performed_at.unix_timestamp(),
        model_id: "m1".into(),
        deployment_id: "d1".into(),
        status: if is_answer {
            PredictionStatus::Success
        } else {
            PredictionStatus::Absent
        },
        asset: "BTC".into(),
        horizon: 3_600,
        step: 60,
        exec_time_us: 17,
        payload: payload.map(Packed::new),
        detail: (!is_answer).then(|| "not there".into()),
        base: is_answer.then_some(90_744.5),
        performed_at,
        resolvable_at: performed_at + time::Duration::hours(1),
    }
}

async fn stored(predictions: &[Prediction]) -> PredictionDb {
    let db = PredictionDb::in_memory().await.unwrap();
    db.save_all(predictions).await.unwrap();
    db
}

async fn written(db: &PredictionDb, format: ExportFormat) -> (u64, Vec<u8>) {
    let mut to = Vec::new();
    let filter = PredictionFilter::default();
    let done = export(db, &filter, format, &mut to).await.unwrap();
    assert_eq!(done.unreadable, 0);
    (done.rows, to)
}

fn read(bytes: &[u8]) -> SerializedFileReader<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    SerializedFileReader::new(file).unwrap()
}

#[tokio::test]
async fn a_csv_holds_all_columns() {
    let db = stored(&[prediction(0, Some(ANSWER)), prediction(1, None)]).await;
    let (rows, bytes) = written(&db, ExportFormat::Csv).await;
    assert_eq!(rows, 2);
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    let names: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(names, columns::COLUMNS.map(|(name, _)| name));
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let (first, second) = (&records[0], &records[1]);
    let expected = [
        "1",
        "condorgame",
        "BTC/3600/60",
        "2026-01-01T00:00:00Z",
        "m1",
        "d1",
        "SUCCESS",
        "BTC",
        "3600",
        "60",
        "17",
        "90744.5",
        "2026-01-01T00:00:00.25Z",
        "2026-01-01T01:00:00.25Z",
        "",
        ANSWER,
    ];
    assert_eq!(first.iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        (&second[6], &second[11], &second[14], &second[15]),
        ("ABSENT", "", "not there", "")
    );
}

#[tokio::test]
async fn a_parquet_file_holds_the_same() {
    let db = stored(&[prediction(0, Some(ANSWER)), prediction(1, None)]).await;
    let (rows, bytes) = written(&db, ExportFormat::Parquet).await;
    assert_eq!(rows, 2);
    let reader = read(&bytes);
    let schema = reader.metadata().file_metadata().schema_descr();
    let names: Vec<_> = schema.columns().iter().map(|it| it.name()).collect();
    assert_eq!(names, columns::COLUMNS.map(|(name, _)| name));
    let read: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let (first, second) = (&read[0], &read[1]);
    assert_eq!(first.get_long(0).unwrap(), 1);
    assert_eq!(first.get_string(2).unwrap(), "BTC/3600/60");
    assert_eq!(first.get_timestamp_millis(3).unwrap(), 1_767_225_600_000);
    assert_eq!(
        first.get_double(11).unwrap().to_bits(),
        90_744.5_f64.to_bits()
    );
    assert_eq!(first.get_timestamp_millis(12).unwrap(), 1_767_225_600_250);
    assert_eq!(first.get_string(15).unwrap(), ANSWER);
    assert!(first.get_string(14).is_err());
    assert_eq!(second.get_string(6).unwrap(), "ABSENT");
    assert_eq!(second.get_string(14).unwrap(), "not there");
    assert!(second.get_double(11).is_err() && second.get_string(15).is_err());
}

#[tokio::test]
async fn many_are_written_in_groups() {
    // Three of 6 MiB make a group.
    let long = format!("[{}1]", "1234567,".repeat(6 << 17));
    let all: Vec<_> = (0..7).map(|it| prediction(it, Some(&long))).collect();
    let (rows, bytes) = written(&stored(&all).await, ExportFormat::Parquet).await;
    assert_eq!(rows, 7);
    let reader = read(&bytes);
    let groups: Vec<_> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(groups, [3, 3, 1]);
    assert!(bytes.len() < long.len(), "it is compressed");
}

#[tokio::test]
async fn none_make_an_empty_table_and_pages_are_passed() {
    let none = stored(&[]).await;
    let (rows, bytes) = written(&none, ExportFormat::Csv).await;
    assert_eq!((rows, lines(&bytes)), (0, 1));
    let (_, bytes) = written(&none, ExportFormat::Parquet).await;
    assert_eq!(read(&bytes).metadata().file_metadata().num_rows(), 0);
    let many = i64::from(2 * PAGE + 1);
    let all: Vec<_> = (0..many).map(|it| prediction(it, Some("[]"))).collect();
    let db = stored(&all).await;
    let (rows, bytes) = written(&db, ExportFormat::Csv).await;
    assert_eq!((rows, lines(&bytes)), (1_001, 1_002));
    let filter = PredictionFilter {
        since: Some(performed(many - 1)),
        ..PredictionFilter::default()
    };
    let done = export(&db, &filter, ExportFormat::Csv, io::sink()).await;
    assert_eq!(done.unwrap().rows, 1);
}

fn lines(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).unwrap().lines().count()
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_answer_that_can_t_be_read_keeps_no_other_back() {
    let mut bad = prediction(1, Some(""));
    bad.payload = Some(Packed::from_stored(vec![0x28, 0xb5, 0x2f, 0xfd, 0]));
    let db = stored(&[
        prediction(0, Some(ANSWER)),
        bad,
        prediction(2, Some(ANSWER)),
    ])
    .await;
    let filter = PredictionFilter::default();
    for format in [ExportFormat::Csv, ExportFormat::Parquet] {
        let mut to = Vec::new();
        let done = export(&db, &filter, format, &mut to).await.unwrap();
        let (rows, unreadable) = (3, 1);
        assert_eq!(done, Exported { rows, unreadable });
        if format == ExportFormat::Csv {
            let mut reader = ::csv::Reader::from_reader(to.as_slice());
            let records: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert!(records[1][14].contains("can't be read"), "{:?}", records[1]);
            let answers: Vec<_> = records.iter().map(|it| &it[15]).collect();
            assert_eq!(answers, [ANSWER, "", ANSWER]);
        } else {
            assert_eq!(read(&to).metadata().file_metadata().num_rows(), 3);
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let filter = PredictionFilter::default();
    let one = stored(&[prediction(0, None)]).await;
    let error = export(&one, &filter, ExportFormat::Csv, Full)
        .await
        .unwrap_err();
    assert!(error.is_broken_pipe(), "{error}");
    let error = export(&one, &filter, ExportFormat::Parquet, Full)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("disk has space"), "{error}");
}
