use std::fs;

use super::*;

const A1: &str = r#"{"model_id": "a", "deployment_id": "a1", "host": "127.0.0.1", "port": 1}"#;
const A2: &str = r#"{"model_id": "a", "deployment_id": "a2", "host": "localhost", "port": 2}"#;
const B1: &str = r#"{"model_id": "b", "deployment_id": "b1", "host": "127.0.0.1", "port": 3, "model_name": "n", "cruncher_name": "c"}"#;

struct Bench {
    folder: tempfile::TempDir,
    file: ModelFile,
    orchestrator: StubOrchestrator,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = ModelFile::new(folder.path().join("models.jsonl"));
        let any = ([127, 0, 0, 1], 0).into();
        let orchestrator = StubOrchestrator::start("c", any).await.unwrap();
        Self {
            folder,
            file,
            orchestrator,
        }
    }

    /// What the second look at these lines leads to; the first leads to nothing.
    fn write(&mut self, lines: &[&str]) -> Vec<String> {
        fs::write(self.folder.path().join("models.jsonl"), lines.join("\n")).unwrap();
        assert_eq!(self.file.look(&self.orchestrator), []);
        let changes = self.file.look(&self.orchestrator);
        assert_eq!(self.file.look(&self.orchestrator), [], "each is told once");
        changes
            .iter()
            .map(|change| match change {
                Change::Running(item) => format!("+{}", item.deployment_id),
                Change::Recovering(item) => format!("~{}", item.deployment_id),
                Change::Stopped(item) => format!("-{}", item.deployment_id),
                Change::Unreadable(_) => "?".into(),
            })
            .collect()
    }

    fn running(&self) -> Vec<String> {
        let running = self.orchestrator.running();
        running.into_iter().map(|item| item.deployment_id).collect()
    }
}

#[tokio::test]
async fn what_comes_goes_and_is_deployed_anew_is_announced() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.write(&[A1, "", B1]), ["+a1", "+b1"]);
    let named = &bench.orchestrator.running()[1];
    assert_eq!(named.cruncher_name.as_deref(), Some("c"));
    assert_eq!(
        bench.write(&[A2, B1]),
        ["+a2", "-a1"],
        "the new one comes first"
    );
    assert_eq!(bench.write(&[B1]), ["-a2"]);
    assert_eq!(bench.write(&[&format!("[{B1}, {A2}]")]), ["+a2"], "a list");
    let renamed = A2.replace('}', r#", "model_name": "x"}"#);
    assert_eq!(bench.write(&[&renamed, B1]), ["+a2"], "its name is news");
    assert_eq!(bench.running(), ["b1", "a2"]);
}

#[tokio::test]
async fn a_restart_passes_through() {
    let mut bench = Bench::new().await;
    bench.write(&[A1, B1]);
    let again = A1.replace('}', r#", "state": "RECOVERING"}"#);
    assert_eq!(bench.write(&[&again, B1]), ["~a1"]);
    assert_eq!(bench.running(), ["b1"]);
    let moved = A1.replace(": 1}", ": 7}");
    assert_eq!(bench.write(&[&moved, B1]), ["+a1"]);
    assert_eq!(bench.running(), ["b1", "a1"]);
}

#[tokio::test]
async fn what_makes_no_sense_changes_nothing() {
    let mut bench = Bench::new().await;
    bench.write(&[A1, B1]);
    for broken in [
        "{\"model_id\": \"a\", \"depl",
        "[",
        "7",
        r#"{"model_id": "a"}"#,
    ] {
        assert_eq!(bench.write(&[A1, broken]), ["?"]);
    }
    fs::remove_file(bench.folder.path().join("models.jsonl")).unwrap();
    assert_eq!(bench.file.look(&bench.orchestrator), []);
    let gone = bench.file.look(&bench.orchestrator);
    assert!(matches!(gone[..], [Change::Unreadable(_)]), "{gone:?}");
    assert_eq!(bench.running(), ["a1", "b1"]);
    assert_eq!(bench.write(&[A1, B1]), [""; 0]);
}

#[tokio::test]
async fn what_was_reported_stays_stopped_until_it_is_deployed_anew() {
    let mut bench = Bench::new().await;
    bench.write(&[A1, B1]);
    bench.orchestrator.stop("a1");
    assert_eq!(bench.write(&[A1, B1, ""]), [""; 0]);
    let again = A1.replace('}', r#", "state": "RECOVERING"}"#);
    assert_eq!(bench.write(&[&again, B1]), [""; 0]);
    assert_eq!(bench.write(&[A1, B1, "", ""]), [""; 0]);
    assert_eq!(bench.running(), ["b1"]);
    assert_eq!(bench.write(&[A2, B1]), ["+a2"]);
    bench.orchestrator.stop("a2");
    assert_eq!(bench.write(&[B1]), [""; 0]);
    assert_eq!(
        bench.write(&[A2, B1]),
        ["+a2"],
        "it was taken out and put in again"
    );
}
