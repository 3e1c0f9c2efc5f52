//! What became of the windows that the chain opened, from the journal's rows: also of those that opened
//! while no worker ran. Plain functions over rows; whoever shows them reads the rows first.

mod block_clock;
mod count;
mod earned;
mod fees;
mod follow;
mod learnt;
mod opened;
mod rows;
mod runs;
mod unready;
mod uptime;

pub use block_clock::{BlockClock, Mark};
pub use count::{Miss, Outcome, Pace, Span, Tally, Window, count, pace};
pub use earned::{Earnings, NoncedScore, Reward};
pub use fees::{Payment, spent};
pub use follow::Followed;
pub use learnt::Learnt;
pub use opened::{Books, windows};
pub use rows::{JournaledWindow, Ledger, Past};
pub(crate) use runs::mark;
pub(super) use runs::set_aside;
pub use runs::{Run, RunRepository, Terms};
pub use unready::Unready;
pub use uptime::{Uptime, uptime};
