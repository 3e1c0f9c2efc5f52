//! The command line: see `allora-worker --help`.

fn main() -> std::process::ExitCode {
    allora_worker::cli::main()
}
