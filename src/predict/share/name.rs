//! What a worker calls itself among others.

/// The host, the process and a random number: new at each start, so that nobody takes a worker that was
/// started again for the one before, whose leases lapse or were given back.
#[must_use]
pub fn worker_name() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    let (pid, number) = (std::process::id(), rand::random::<u32>());
    format!("{host}-{pid}-{number:08x}")
}
