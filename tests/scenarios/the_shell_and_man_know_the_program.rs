//! The built program's completions and manual pages.

use std::{fs, path::Path};

use tokio::process::Command;

use crate::operator::{Home, ended};

#[allow(clippy::print_stderr, reason = "a skipped test says so")]
async fn has(tool: &str) -> bool {
    let mut asked = Command::new("sh");
    asked.args(["-c", &format!("command -v {tool}")]);
    let found = ended(asked).await.0.status.success();
    if !found {
        eprintln!("SKIPPED: there is no {tool}");
    }
    found
}

/// What a tool says of a file, which has to be nothing.
async fn passes(tool: &str, args: &[&str], file: &Path) {
    let mut command = Command::new(tool);
    command.args(args).arg(file).env("LC_ALL", "C.UTF-8");
    let (output, _) = ended(command).await;
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{tool}: {complaints}");
    assert_eq!(complaints, "", "{tool} of {}", file.display());
}

#[tokio::test]
async fn each_shell_completes_what_is_shown_and_nothing_hidden() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let (output, said) = home.run(&["completions", shell]).await;
        assert_eq!(output.status.code(), Some(0), "{said}");
        for shown in ["backtest", "completions", "data-dir", "network"] {
            assert!(said.contains(shown), "{shell}: {shown} is not in {said}");
        }
        for hidden in ["season", "locate", "--clock"] {
            assert!(!said.contains(hidden), "{shell}: {hidden} is in {said}");
        }
        let file = home.folder.path().join(shell);
        fs::write(&file, said).unwrap();
        if has(shell).await {
            passes(shell, &["-n"], &file).await;
        }
    }
    let file = home.folder.path().join("bash");
    let asked = format!(
        "source {}; COMP_WORDS=(allora-worker back) COMP_CWORD=1
         complete=$(complete -p allora-worker | sed 's/.*-F \\([^ ]*\\).*/\\1/')
         $complete allora-worker back allora-worker; echo \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    if has("bash").await {
        let mut command = Command::new("bash");
        command.args(["-c", &asked]);
        assert_eq!(ended(command).await.1.trim(), "backtest");
    }
}

#[tokio::test]
async fn each_command_has_a_page_that_man_can_show() {
    let home = Home::new();
    let (output, page) = home.run(&["man"]).await;
    assert_eq!(output.status.code(), Some(0), "{page}");
    assert!(page.contains(".TH allora-worker 1"), "{page}");

    let (output, said) = home.run(&["man", "--out", "pages"]).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let pages = fs::read_dir(home.folder.path().join("pages")).unwrap();
    let pages: Vec<_> = pages.map(|it| it.unwrap().path()).collect();
    let has_page = |name: &str| pages.iter().any(|it| it.ends_with(name));
    for shown in [
        "allora-worker.1",
        "allora-worker-run.1",
        "allora-worker-prices-fetch.1",
    ] {
        assert!(has_page(shown), "{shown} is not in {pages:?}");
    }
    for hidden in ["allora-worker-season.1", "allora-worker-locate.1"] {
        assert!(!has_page(hidden), "{hidden} is in {pages:?}");
    }
    let (has_man, has_mandoc) = (has("man").await, has("mandoc").await);
    for page in &pages {
        if has_man {
            passes(
                "man",
                &["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
                page,
            )
            .await;
        }
        if has_mandoc {
            passes("mandoc", &["-Tlint", "-Werror"], page).await;
        }
    }
}
