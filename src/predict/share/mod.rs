//! Several Predict workers share the models of a crunch: each model has one owner at a time.
//!
//! Leases are kept in PostgreSQL alone; a file has one worker, and there this room is not used. Each
//! half heartbeat a worker gives a sign of life, which renews all that it holds, and takes what is free
//! up to its share: the models over the workers that live, rounded up. What lies above its share it gives
//! back while another has room: such a model is not called for one turn, then it is free. So a model
//! moves only when it must.
//!
//! **A worker that dies.** Its leases lapse two heartbeats after its last sign of life, by the server's
//! clock alone. The others look each half heartbeat, and just when a lease lapses that was not renewed:
//! they take over what it held soon after, and nearly a heartbeat is left for connecting. One that ends
//! well gives all back at once.
//!
//! **A worker that is cut off** (no answer, a connection that is lost, an error) judges by its own
//! monotonic clock, taken before its last good heartbeat began, and calls no model any more a quarter of
//! a heartbeat before its leases may lapse. Only if it was alone then, it goes on: nobody would take its
//! place. What it had under way may finish.
//!
//! **A server that is down** for all (it refuses connections, or says that it starts or stops) lets
//! nobody take anything: workers go on with what they hold, and their answers wait on disk. When it is
//! back, all first renew what is theirs. A worker takes over from another only when its own heartbeats
//! have been good for the time after which a lease lapses: so all come back to what they had. That holds
//! for one that has just started, too.
//!
//! **Which models.** Those that the orchestrator lists, and those that were seen within
//! `predict.absent_within`: they are held in the same way and count the same, so that for each one worker
//! stores that it is absent.
//!
//! **Rounds.** A model that is taken over is told what it missed, and asked for what the newest round of
//! each schedule has no part of it: the database tells. A call may be made twice so, an answer is stored
//! once. What a killed worker has on disk is stored at its next start.

mod alone;
mod keeper;
mod name;
mod standing;

pub use self::{
    keeper::{ShareKeeper, ShareParts},
    name::worker_name,
};
