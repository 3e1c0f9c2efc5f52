//! `completions` and `man`: what the shell and `man` are told of the command line. Hidden commands are left
//! out.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// Flags of `completions`.
#[derive(Args, Clone, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell that is to complete
    shell: Completed,
}

/// The shells whose completions the packages bring.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Completed {
    Bash,
    Zsh,
    Fish,
}

impl From<Completed> for Shell {
    fn from(shell: Completed) -> Self {
        match shell {
            Completed::Bash => Self::Bash,
            Completed::Zsh => Self::Zsh,
            Completed::Fish => Self::Fish,
        }
    }
}

/// Flags of `man`.
#[derive(Args, Clone, Debug)]
pub(super) struct ManArgs {
    /// Write a page for the program and one for each command into this folder [default: the program's page,
    /// to standard output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints a shell's completions: `source <(allora-worker completions bash)`.
pub(super) fn completions(args: &CompletionsArgs, whole: &Command) -> ExitCode {
    let mut shown = shown(whole);
    let mut script = Vec::new();
    generate(Shell::from(args.shell), &mut shown, PROGRAM, &mut script);
    print(&script)
}

/// Prints the program's page, or writes one for each command.
#[allow(clippy::print_stderr, reason = "this is the command line")]
pub(super) fn man(args: &ManArgs, whole: &Command) -> ExitCode {
    let mut shown = shown(whole).disable_help_subcommand(true);
    shown.build();
    let Some(folder) = &args.out else {
        let mut text = Vec::new();
        return match page(&shown).render(&mut text) {
            Ok(()) => print(&text),
            Err(cause) => complain(&format!("the page can't be written: {cause}")),
        };
    };
    let written = fs::create_dir_all(folder).and_then(|()| pages(&shown, folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => complain(&format!(
            "the pages can't be written to {}: {cause}; check --out and its permissions",
            folder.display()
        )),
    }
}

/// A command without what is hidden, its flags and the commands below it included: the completions would
/// name them.
fn shown(whole: &Command) -> Command {
    let version = whole.get_version().map(|_| env!("CARGO_PKG_VERSION"));
    let args = whole.get_arguments().filter(|it| !it.is_hide_set());
    let below = whole.get_subcommands().filter(|it| !it.is_hide_set());
    // clap keeps names for as long as the program lives, which is not long here.
    let name: &'static str = whole.get_name().to_owned().leak();
    let mut own = Command::new(name)
        .subcommand_required(whole.is_subcommand_required_set())
        .args(args.cloned())
        .subcommands(below.map(shown));
    if let Some(version) = version {
        own = own.version(version);
    }
    if let Some(about) = whole.get_about() {
        own = own.about(about.clone());
    }
    if let Some(about) = whole.get_long_about() {
        own = own.long_about(about.clone());
    }
    own
}

/// A page for the command and for each below it.
fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    page(command).generate_to(folder)?;
    command
        .get_subcommands()
        .try_for_each(|it| pages(it, folder))
}

/// Without a date: the same program gives the same page.
fn page(command: &Command) -> Man {
    let source = concat!("allora-worker ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone())
        .source(source)
        .manual("Allora worker")
}

fn print(text: &[u8]) -> ExitCode {
    match io::stdout().lock().write_all(text) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(cause) => complain(&format!("standard output takes nothing: {cause}")),
    }
}

#[allow(clippy::print_stderr, reason = "this is the command line")]
fn complain(cause: &str) -> ExitCode {
    eprintln!("❌ ERROR {cause}");
    ExitCode::FAILURE
}
