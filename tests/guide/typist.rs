//! Who types the lines.

#![allow(
    clippy::print_stderr,
    reason = "what a reader sees is looked at as well"
)]

use std::{process::Stdio, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
    time::timeout,
};

use super::{Line, checkout::Checkout};

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Typist<'a> {
    checkout: &'a Checkout,
    /// What goes on meanwhile.
    running: Vec<Child>,
    /// What a line has set for those after it: `name=value`.
    set: Vec<(String, String)>,
}

impl<'a> Typist<'a> {
    pub(crate) fn new(checkout: &'a Checkout) -> Self {
        Self {
            checkout,
            running: Vec::new(),
            set: Vec::new(),
        }
    }

    /// Sets a variable for all lines from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.set.push((name.to_owned(), value.to_owned()));
    }

    /// Types a line and waits for its end, with one of the codes.
    pub(crate) async fn types(&mut self, line: &Line, codes: &[i32]) {
        let text = line.text.strip_prefix("export ").unwrap_or(&line.text);
        if let Some((name, value)) = text.split_once('=').filter(|_| !text.contains(' ')) {
            let home = self.checkout.path().display().to_string();
            self.set(name, &value.replace("$PWD", &home));
            return;
        }
        let mut command = self.command(line);
        let output = timeout(PATIENCE, command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("it does not end: {}", line.text));
        let output = output.expect("bash");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(
            code.is_some_and(|code| codes.contains(&code)),
            "{}: {}\n{}\nended with {code:?} and said:\n{said}",
            line.document,
            line.section,
            line.text
        );
        eprintln!("$ {}\n{said}", line.text);
    }

    /// Types a line that goes on, and waits until it says something with these words.
    pub(crate) async fn lets_run(&mut self, line: &Line, wanted: &str) {
        let mut child = self.in_a_terminal(line).spawn().expect("script");
        let mut stdout = child.stdout.take().expect("its output");
        let mut said = Vec::new();
        let heard = async {
            while said.is_empty() || !String::from_utf8_lossy(&said).contains(wanted) {
                let read = stdout.read_buf(&mut said).await.expect("its output");
                assert!(
                    read > 0,
                    "it ended: {}\n{}",
                    line.text,
                    String::from_utf8_lossy(&said)
                );
            }
        };
        let heard = timeout(PATIENCE, heard).await;
        assert!(
            heard.is_ok(),
            "{wanted:?} is not said: {}\n{}",
            line.text,
            String::from_utf8_lossy(&said)
        );
        eprintln!("$ {}\n{}", line.text, String::from_utf8_lossy(&said));
        // Someone must read what else it says.
        tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
        self.running.push(child);
    }

    /// Ends what goes on, as Ctrl-C does.
    pub(crate) async fn leave(&mut self) {
        for mut child in self.running.drain(..) {
            let Some(pid) = child.id() else { continue };
            // The line's whole group.
            let group = format!("-{pid}");
            let sent = Command::new("kill").args(["-INT", "--", &group]).status();
            sent.await.expect("kill");
            let ended = timeout(PATIENCE, child.wait()).await;
            ended.expect("it does not end").expect("its end");
        }
    }

    fn command(&self, line: &Line) -> Command {
        let mut command = self.program("bash");
        command.args(["-c", &line.text]);
        command
    }

    /// With a terminal each line is printed as it comes.
    fn in_a_terminal(&self, line: &Line) -> Command {
        let mut command = self.program("script");
        command.args(["-qefc", &line.text, "/dev/null"]);
        command
    }

    fn program(&self, name: &str) -> Command {
        let home = self.checkout.path();
        let path = std::env::var("PATH").expect("a path");
        let path = format!("{}:{path}", self.checkout.programs().display());
        let mut command = Command::new(name);
        command
            .current_dir(home)
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("TZ", "UTC")
            .env("PACKAGE_LEVEL", "1")
            .envs(self.set.iter().map(|(name, value)| (name, value)))
            .env("LANG", "C.UTF-8")
            .env("ALLORA_WORKER_HOME", home)
            .env("ALLORA_WORKER_BIN", env!("CARGO_BIN_EXE_allora-worker"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

impl Drop for Typist<'_> {
    /// A worker that a line left in the background ends with the test.
    fn drop(&mut self) {
        let home = self.checkout.path();
        for data in ["data", "data/own"] {
            let stop = std::process::Command::new(home.join("stop_worker.sh"))
                .args(["--data-dir", data])
                .env("ALLORA_WORKER_HOME", home)
                .env("ALLORA_WORKER_BIN", env!("CARGO_BIN_EXE_allora-worker"))
                .output();
            drop(stop);
        }
    }
}
