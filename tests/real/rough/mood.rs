//! What a door does to those who pass it.

use std::time::Duration;

use rand::{Rng, rngs::StdRng};

/// The share of messages, and of connections, that a trouble hits.
pub(crate) const SHARE: f64 = 0.5;
/// The mean of a message's delay, and the longest.
const DELAY: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(5));
/// From one byte to the next of a door that drips.
pub(crate) const DRIP: Duration = Duration::from_millis(5);

/// What a door does. All but [`Mood::Well`] are troubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mood {
    /// Lets everything through.
    Well,
    /// Cuts connections with a reset: those that are open, then in the middle of a message.
    Reset,
    /// The same with an end of stream.
    Close,
    /// Ends one direction in the middle of a message and goes on to take what comes from there.
    HalfClose,
    /// Holds each message back, by an exponential distribution.
    Delay,
    /// Swallows the end of a message, and leaves the connection open.
    Truncate,
    /// Lets nothing through, and all of it later.
    Stall,
    /// Cuts what is open, takes new connections and never says anything on them, not even later.
    BlackHole,
    /// Takes no new connection: its backlog is full.
    Backlog,
    /// Lets a byte through at a time.
    Drip,
    /// Changes a byte inside the JSON.
    Garble,
}

impl Mood {
    /// All troubles.
    pub(crate) const TROUBLES: [Self; 10] = [
        Self::Reset,
        Self::Close,
        Self::HalfClose,
        Self::Delay,
        Self::Truncate,
        Self::Stall,
        Self::BlackHole,
        Self::Backlog,
        Self::Drip,
        Self::Garble,
    ];

    /// A word for tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Reset => "resets",
            Self::Close => "closes",
            Self::HalfClose => "half-closes",
            Self::Delay => "delays",
            Self::Truncate => "truncates",
            Self::Stall => "stalls",
            Self::BlackHole => "is a black hole",
            Self::Backlog => "has a full backlog",
            Self::Drip => "drips",
            Self::Garble => "garbles",
        }
    }
}

/// A message's delay.
pub(crate) fn delay(random: &mut StdRng) -> Duration {
    let (mean, longest) = DELAY;
    // The logarithm of 0 is none.
    let share: f64 = 1.0 - random.random::<f64>();
    mean.mul_f64(-share.ln()).min(longest)
}

/// How many bytes of a message get through: not all of them.
pub(crate) fn part(random: &mut StdRng, length: usize) -> usize {
    random.random_range(0..length.max(1))
}

/// Changes one byte of the JSON in a message, to another that can be printed. A message without JSON
/// stays as it is; gives whether it was changed.
pub(crate) fn garble(random: &mut StdRng, message: &mut [u8]) -> bool {
    // What stands before is a head of HTTP's or of the WebSocket's.
    let Some(json) = message.windows(2).position(|pair| pair == b"{\"") else {
        return false;
    };
    let at = random.random_range(json + 1..message.len());
    let old = message[at];
    while message[at] == old {
        message[at] = random.random_range(b' '..=b'~');
    }
    true
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn delays_have_their_mean_and_their_end() {
        let mut random = StdRng::seed_from_u64(1);
        let all: Vec<f64> = (0..20_000)
            .map(|_| delay(&mut random).as_secs_f64())
            .collect();
        let mean = all.iter().sum::<f64>() / 20_000.0;
        assert!((0.38..0.42).contains(&mean), "{mean}");
        assert!(all.iter().all(|it| *it <= 5.0) && all.iter().any(|it| *it > 2.0));
    }

    #[test]
    fn one_byte_of_the_json_changes_and_none_of_the_head() {
        let mut random = StdRng::seed_from_u64(2);
        let whole = b"HTTP/1.1 200 OK\r\n\r\n{\"id\":1}".to_vec();
        for _ in 0..100 {
            let mut message = whole.clone();
            assert!(garble(&mut random, &mut message));
            let changed: Vec<usize> = (0..whole.len())
                .filter(|&at| whole[at] != message[at])
                .collect();
            assert!(changed.len() == 1 && changed[0] > 19, "{changed:?}");
        }
        assert!(!garble(
            &mut random,
            &mut b"HTTP/1.1 204 No Content".to_vec()
        ));
        assert!(part(&mut random, 1) == 0 && part(&mut random, 0) == 0);
    }
}
