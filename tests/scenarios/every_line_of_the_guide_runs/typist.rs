//! Who types the lines.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
    time::timeout,
};

use super::checkout::Checkout;
use crate::guide::Line;

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Typist<'a> {
    checkout: &'a Checkout,
    /// What goes on meanwhile.
    running: Vec<Child>,
}

impl<'a> Typist<'a> {
    pub(super) fn new(checkout: &'a Checkout) -> Self {
        Self {
            checkout,
            running: Vec::new(),
        }
    }

    /// Types a line and waits for its end, with one of the codes.
    pub(super) async fn types(&self, line: &Line, codes: &[i32]) {
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

    /// Types a line that goes on, and waits until it says something.
    pub(super) async fn lets_run(&mut self, line: &Line) {
        let mut child = self.command(line).spawn().expect("bash");
        let mut stdout = child.stdout.take().expect("its output");
        let mut said = vec![0; 4_096];
        let read = timeout(PATIENCE, stdout.read(&mut said)).await;
        let read = read.unwrap_or_else(|_| panic!("it says nothing: {}", line.text));
        let read = read.expect("its output");
        assert!(read > 0, "it ended, and said nothing: {}", line.text);
        eprintln!(
            "$ {}\n{}",
            line.text,
            String::from_utf8_lossy(&said[..read])
        );
        // Someone must read what else it says.
        tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
        self.running.push(child);
    }

    /// Ends what goes on, as Ctrl-C does.
    pub(super) async fn leave(&mut self) {
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
        let home = self.checkout.path();
        let path = std::env::var("PATH").expect("a path");
        let path = format!("{}:{path}", self.checkout.programs().display());
        let mut command = Command::new("bash");
        command
            .args(["-c", &line.text])
            .current_dir(home)
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("TZ", "UTC")
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
        let stop = std::process::Command::new(home.join("stop_worker.sh"))
            .env("ALLORA_WORKER_HOME", home)
            .env("ALLORA_WORKER_BIN", env!("CARGO_BIN_EXE_allora-worker"))
            .output();
        drop(stop);
    }
}
