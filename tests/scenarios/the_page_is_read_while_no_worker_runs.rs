//! `page`: what the status page shows, read from files by a program of its own.

use std::fs;

use serde_json::Value;

use crate::operator::Home;

async fn board(home: &Home, folder: &str) -> Value {
    let args = ["page", "--once-json", "--data-dir", folder];
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test]
async fn a_season_is_read_from_its_folder() {
    let home = Home::new();
    let folder = home.folder.path().join("season");
    let folder = folder.to_str().unwrap();
    let fill = ["page", "--fill-sample", folder, "--sample-windows", "40"];
    let (output, said) = home.run(&fill).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let board = board(&home, folder).await;
    assert_eq!(board["told"], "files");
    let explorer = board["explorer"].as_str().unwrap();
    assert!(explorer.starts_with("https://") && explorer.contains("{hash}"));
    let topic = &board["topics"][0];
    assert_eq!(
        (&topic["asset"], &topic["target"]),
        (&"BTC/USD".into(), &"log_return".into())
    );
    let windows = topic["windows"].as_array().unwrap();
    let answered = windows.iter().filter(|it| it["hash"].is_string()).count();
    assert!(
        (38..=40).contains(&answered),
        "{answered} of {}",
        windows.len()
    );
    assert_eq!(board["models"]["round"]["by_status"]["SUCCESS"], 10);
    assert!(!board["log"].as_array().unwrap().is_empty());

    // What is there is not filled over.
    let (output, said) = home.run(&fill).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("empty folder alone"), "{said}");
}

#[tokio::test]
async fn where_nothing_ran_it_says_so_and_makes_nothing() {
    let home = Home::new();
    let folder = home.folder.path().join("empty");
    fs::create_dir(&folder).unwrap();
    let board = board(&home, folder.to_str().unwrap()).await;
    assert_eq!(board["status"]["state"], "never_started");
    assert_eq!(board["models"], Value::Null);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
