//! `score`: the Scoring worker, and the leaderboard that it keeps.

mod args;
mod show;
mod work;

use std::process::ExitCode;

pub(super) use self::args::ScoreArgs;

/// Scores until it is stopped, or once; or shows the newest leaderboard alone.
pub(super) fn score(args: &ScoreArgs) -> ExitCode {
    if args.shows() && !args.once {
        show::show(args)
    } else {
        work::work(args)
    }
}
