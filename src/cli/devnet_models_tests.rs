use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    models: ModelsArgs,
}

fn line(flags: &str) -> ModelsArgs {
    let words = ["x", "--models", "--models-listen", "127.0.0.1:0"];
    let line = Line::try_parse_from(words.into_iter().chain(flags.split_whitespace()));
    line.unwrap().models
}

#[tokio::test]
async fn stubs_have_names_and_the_last_ones_misbehave() {
    let args = line("--stubs 8 --hanging 1 --raising 1 --nonsense 1");
    let models = Models::start(&args).await.unwrap();
    let running = models.orchestrator.running();
    let names: Vec<_> = running
        .iter()
        .map(|item| item.model_name.as_deref().unwrap())
        .collect();
    let expected = [
        "gaussian-day-1",
        "drift-day-2",
        "mixture-day-3",
        "student-t-day-4",
        "laplace-day-5",
        "nonsense-6",
        "raises-7",
        "hangs-8",
    ];
    assert_eq!(names, expected);
    assert_eq!(running[7].cruncher_name.as_deref(), Some("ada"));
    let id = running[7].deployment_id.strip_prefix("8_").unwrap();
    assert_eq!(id.len(), "20261121_210030_061".len(), "{id}");
}

#[tokio::test]
async fn what_can_not_be_is_refused() {
    for (flags, count) in [("", 5), ("--hanging 7", 7), ("--model-file none", 0)] {
        let models = Models::start(&line(flags)).await.unwrap();
        assert_eq!(models.stubs.len(), count, "{flags}");
    }
    let few = Models::start(&line("--stubs 1 --raising 2")).await.err();
    assert!(few.unwrap().to_string().contains("--stubs to 2"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut args = line("");
    args.models_listen = taken.local_addr().unwrap();
    let taken = Models::start(&args).await.err().unwrap().to_string();
    assert!(taken.contains("--models-listen"), "{taken}");
}
