//! Several Predict workers share the models of a crunch: each model has one owner at a time.
//!
//! Leases are kept in PostgreSQL alone; a file has one worker, and there this room is not used. Each
//! half heartbeat a worker gives a sign of life, which renews all that it holds, and takes what is free
//! up to its share: the models over the workers that live, rounded up. What lies above its share it gives
//! back while another has room: such a model is not called for one turn, then it is free. While a worker
//! lacks even what is rounded down, only as many may hold one more as come out, the first by name: so
//! shares end as even as can be, and then no model moves.
//!
//! **A worker that dies.** Its leases lapse two heartbeats after its last sign of life, by the server's
//! clock. The others look each half heartbeat, and just when a lease lapses that was not renewed: they
//! take over what it held soon after, and nearly a heartbeat is left for connecting. They do so only when
//! they have seen no sign of life for a heartbeat of their own clock, too: the server's may be set. One
//! that ends well gives all back at once.
//!
//! **A worker that is cut off** (no answer, a connection that is lost, an error) judges by its own
//! monotonic clock, taken before its last good heartbeat began, and calls no model any more a quarter of
//! a heartbeat before its leases may lapse. Only if it was alone then, it goes on: nobody would take its
//! place. That it was alone it notes on disk, and goes on with all models when it is started again while
//! the database is away. What it had under way may finish.
//!
//! **A server that is down** for all lets nobody take anything: workers go on with what they hold, also
//! those that were fenced before that showed, and their answers wait on disk. Its own words (it starts,
//! stops, recovers, has no space left, takes no writes) are believed; that nobody listens at its address
//! is believed for `predict.down_within`, as a pooler or a tunnel may be what is away, for one worker
//! alone. When it is back, all first renew what is theirs. A worker takes over from another only when its
//! own heartbeats have been good for the time after which a lease lapses: so all come back to what they
//! had. That holds for one that has just started, too.
//!
//! **Which models.** Those that the orchestrator lists, and those that were seen within
//! `predict.absent_within`: they are held in the same way and count the same, so that for each one worker
//! stores that it is absent.
//!
//! **The past.** With each heartbeat it is noted which deployment of a model was told all of the past. A
//! model that is taken over in the middle of that, or before, is told all by its next worker; another is
//! told what it missed since it was last seen. Models that still wait to be told are given away first.
//!
//! **Rounds.** A model that is taken over is asked for what the newest round of each schedule has no part
//! of it, as long as that round is so young that models may have been on their way, or nobody made it:
//! the database tells. A call may be made twice so, an answer is stored once. What a killed worker has on
//! disk is stored at its next start.

mod alone;
mod keeper;
mod name;
mod standing;

pub use self::{
    keeper::{ShareKeeper, ShareParts},
    name::worker_name,
};
