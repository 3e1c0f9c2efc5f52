//! A PostgreSQL server that takes long over some rows, and gives up by itself.

use std::time::Duration;

use allora_worker::{ops::Event, predict::Facts as _};

use crate::{
    outage::{Limits, round, start},
    postgres_server::shared,
    prediction_store::{Place, all},
};

/// A row takes 20 ms, and one model's a minute.
const SLOW: &str = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    PERFORM pg_sleep(CASE NEW.model_id WHEN 'm07' THEN 60 ELSE 0.02 END); RETURN NEW; END $$; \
    CREATE TRIGGER slow BEFORE INSERT ON predictions FOR EACH ROW EXECUTE FUNCTION slow()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_gives_up_comes_in_smaller_batches_and_a_row_that_is_too_slow_is_set_aside()
{
    let Some(server) = shared() else {
        return;
    };
    let place = Place::postgres(&server).await;
    drop(place.open().await);
    place.raw(SLOW).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("outbox.db");
    // The server is the first to give up.
    let limits = Limits {
        here: Duration::from_secs(30),
        there: Duration::from_millis(250),
    };
    let running = start(&file, &place.url(), limits).await;
    running.outbox.put(round(0));
    let aside =
        |it: &Event| matches!(it, Event::Trouble { cause, .. } if cause.contains("set aside"));
    running.recording.wait_for(aside).await;
    running.drained().await;
    let recording = running.stop().await;
    assert_eq!(recording.count(aside), 1);
    let stored = all(&place.open().await).await.into_iter();
    let models: Vec<_> = stored.map(|it| it.prediction.model_id).collect();
    let expected: Vec<_> = (0..20)
        .filter(|it| *it != 7)
        .map(|it| format!("m{it:02}"))
        .collect();
    assert_eq!(models, expected);
    place.clear().await;
}
