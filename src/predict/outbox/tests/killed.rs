//! A process that is killed with SIGKILL loses nothing that was appended.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    double::Mood,
    kit::{Scene, predictions, slots},
};
use crate::predict::{Facts, Outbox};

const CHILD: &str = "TEST_OUTBOX_CHILD";

/// Runs as the child of the next test: puts facts for ever, and says how many are on disk.
#[tokio::test]
async fn appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let opened = Outbox::open(Path::new(&path), scene.options.clone()).await;
    let (outbox, task) = opened.unwrap();
    tokio::spawn(task.append.run(tokio_util::sync::CancellationToken::new()));
    let mut to_parent = std::io::stderr();
    for slot in 0.. {
        outbox.put(predictions(slot..slot + 1).collect());
        tokio::time::sleep(std::time::Duration::from_micros(100)).await;
        writeln!(to_parent, "{}", outbox.waiting().facts).unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_appended() {
    let scene = Scene::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "predict::outbox::tests::killed::appends_until_it_is_killed",
        ])
        .arg("--nocapture")
        .env(CHILD, scene.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut appended = 0;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while appended < 200 {
        appended = lines.next().unwrap().unwrap().parse().unwrap();
    }
    child.kill().unwrap();
    for line in lines.map_while(Result::ok) {
        // The last line may have been cut off.
        appended = line.parse().map_or(appended, |now: i64| now.max(appended));
    }
    child.wait().unwrap();
    let running = scene.start().await;
    running.waiting(0).await;
    running.stop().await;
    let held = scene.double.held();
    let there = i64::try_from(held.predictions.len()).unwrap();
    assert!(there >= appended, "{there} of {appended}");
    assert_eq!(slots(&held), (0..there).collect::<Vec<_>>());
}
