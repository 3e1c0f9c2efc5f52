//! What several workers of one wallet do, as events, and what they say to people.

use serde::Serialize;

use super::phrase::{Words, good, span, warning};
use crate::types::{Nonce, TopicId};

/// Something that happened between the workers of one wallet: a line of the event log.
#[allow(
    missing_docs,
    reason = "the fields are named in full, with their units"
)]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StandbyEvent {
    /// Another worker leads the wallet; this one follows everything and waits.
    StandbyWaiting {
        name: String,
        /// Who leads; none while nobody does.
        leader: Option<String>,
        /// The leader's, which grows with each new one.
        token: i64,
    },
    /// This worker leads the wallet from here on.
    StandbyTookOver {
        name: String,
        /// Who led before; none for the first.
        from: Option<String>,
        token: i64,
        /// How long that one had not been heard of.
        silent_ms: u64,
    },
    /// Another worker has taken the lease: this one sends nothing more and begins anew.
    StandbyLost { token: i64 },
    /// The lease could not be renewed before its end: nothing is sent.
    StandbySilent { cause: String },
    /// The database is down for all: this worker goes on, and nobody can take over.
    StandbyAlone { cause: String },
    /// The lease is renewed again.
    StandbyRenewed {
        seconds: u64,
        /// Whether nothing was sent for so long; else it went on without the database.
        was_silent: bool,
    },
    /// Two holders of the wallet's key answered a window: the chain took one answer and refused this
    /// worker's.
    SentTwice {
        topic: TopicId,
        nonce: Nonce,
        /// Of the transaction that was refused.
        hash: String,
        /// Of the one that was taken, once its block is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        other: Option<String>,
    },
    /// Blocks hold two answers of this wallet to a window, which the chain is known not to allow.
    AnsweredTwice {
        topic: TopicId,
        nonce: Nonce,
        hashes: Vec<String>,
    },
    /// Others lead other wallets by the same database at present.
    StandbyStrangers { own: String, others: Vec<String> },
    /// This machine's clock and the database's differ.
    StandbyClock { seconds: i64 },
}

impl StandbyEvent {
    pub(super) fn words(&self) -> Words {
        match self {
            Self::StandbyWaiting {
                name,
                leader,
                token,
            } => {
                let leader = leader.as_ref();
                let leader = leader.map_or_else(
                    || "nobody leads".to_owned(),
                    |it| format!("{it} leads with token {token}"),
                );
                good("💤", "Standing by").with(format!("as {name}: {leader}"))
            }
            Self::StandbyTookOver {
                name,
                from,
                token,
                silent_ms,
            } => {
                let before = from.as_ref().map_or_else(String::new, |from| {
                    format!(", after {from}, which was last heard of {silent_ms} ms ago")
                });
                good("👑", "This worker leads the wallet")
                    .with(format!("as {name}, with token {token}{before}"))
            }
            Self::StandbyLost { token } => warning(format!(
                "Another worker leads this wallet: the lease with token {token} is lost; nothing more is sent, and this worker begins anew as a standby"
            )),
            Self::StandbySilent { cause } => warning(format!(
                "The wallet's lease is past its end and can't be renewed: {cause}; nothing is sent until it is, and another worker may take over"
            )),
            Self::StandbyAlone { cause } => warning(format!(
                "The database that the workers of this wallet share is down: {cause}; this worker goes on alone, and no other one can take over until it is back"
            )),
            Self::StandbyRenewed {
                seconds,
                was_silent,
            } => {
                let span = span(i64::try_from(*seconds).unwrap_or(i64::MAX));
                let before = if *was_silent {
                    format!("nothing was sent for {span}")
                } else {
                    format!("the database was away for {span}")
                };
                good("🤝", "The wallet's lease is renewed again").with(format!("({before})"))
            }
            Self::SentTwice {
                topic,
                nonce,
                hash,
                other,
            } => {
                let other = other
                    .as_ref()
                    .map_or_else(String::new, |it| format!(" {it}"));
                warning(format!(
                    "The window of topic {topic}, nonce {nonce} was sent two answers of this wallet: another holder of its key was first, whose transaction{other} counts; the chain refused this worker's {hash}; nothing has to be done if that was a change of leaders, else look who has the key"
                ))
            }
            Self::AnsweredTwice {
                topic,
                nonce,
                hashes,
            } => warning(format!(
                "The window of topic {topic}, nonce {nonce} holds several answers of this wallet: {}; report it to the project, with the logs of all workers of the wallet",
                hashes.join(", ")
            )),
            Self::StandbyStrangers { own, others } => warning(format!(
                "This worker is alone with its wallet {own} in the database of STANDBY_DATABASE_URL, where others lead {}: it stands by for none of them; if it should, give it the same MNEMONIC or PRIVATE_KEY",
                others.join(", ")
            )),
            Self::StandbyClock { seconds } => warning(format!(
                "This machine's clock is {} s {} that of the database which the workers of this wallet share: leases don't mind, but times in journal and logs do; have both set by NTP",
                seconds.unsigned_abs(),
                if *seconds < 0 { "behind" } else { "ahead of" }
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Event, Level};

    fn told(event: StandbyEvent) -> (Level, String) {
        let event = Event::from(event);
        let words = event.words();
        let line = serde_json::to_string(&event).unwrap();
        let all = format!("{line} {} {}", words.message, words.lines.join(" "));
        assert_eq!(
            words.level == Level::Info,
            !all.to_lowercase().contains("can't") && !all.contains("⚠️"),
            "{all}"
        );
        assert!(!all.to_lowercase().contains("error"), "{all}");
        (words.level, words.lines.join("\n"))
    }

    #[test]
    fn each_says_what_it_is_about() {
        let (name, other) = ("mill-1".to_owned(), Some("mill-2".to_owned()));
        let took = |from| StandbyEvent::StandbyTookOver {
            name: name.clone(),
            from,
            token: 7,
            silent_ms: 3_010,
        };
        let waits = |leader| StandbyEvent::StandbyWaiting {
            name: name.clone(),
            leader,
            token: 6,
        };
        for (event, level, wanted) in [
            (
                waits(other.clone()),
                Level::Info,
                "💤 Standing by as mill-1: mill-2 leads with token 6",
            ),
            (
                waits(None),
                Level::Info,
                "💤 Standing by as mill-1: nobody leads",
            ),
            (
                took(other),
                Level::Info,
                "👑 This worker leads the wallet as mill-1, with token 7, after mill-2, which was last heard of 3010 ms ago",
            ),
            (
                took(None),
                Level::Info,
                "👑 This worker leads the wallet as mill-1, with token 7",
            ),
            (
                StandbyEvent::StandbyLost { token: 7 },
                Level::Warn,
                "⚠️ Another worker leads this wallet: the lease with token 7 is lost",
            ),
            (
                StandbyEvent::StandbySilent {
                    cause: "no answer".into(),
                },
                Level::Warn,
                "⚠️ The wallet's lease is past its end and can't be renewed: no answer",
            ),
            (
                StandbyEvent::StandbyAlone {
                    cause: "refused".into(),
                },
                Level::Warn,
                "⚠️ The database that the workers of this wallet share is down: refused",
            ),
        ] {
            let (found, line) = told(event);
            assert_eq!(found, level);
            assert!(line.starts_with(wanted), "{line}");
        }
        let (topic, nonce) = (TopicId(67), Nonce(120));
        let sent = |other| StandbyEvent::SentTwice {
            topic,
            nonce,
            hash: "B".into(),
            other,
        };
        for (event, wanted) in [
            (sent(Some("A".into())), "whose transaction A counts"),
            (sent(None), "refused this worker's B"),
            (
                StandbyEvent::AnsweredTwice {
                    topic,
                    nonce,
                    hashes: vec!["A".into(), "B".into()],
                },
                "A, B",
            ),
            (
                StandbyEvent::StandbyStrangers {
                    own: "allo1x".into(),
                    others: vec!["allo1y".into()],
                },
                "give it the same MNEMONIC",
            ),
            (StandbyEvent::StandbyClock { seconds: -12 }, "12 s behind"),
            (StandbyEvent::StandbyClock { seconds: 12 }, "12 s ahead of"),
        ] {
            let (found, line) = told(event);
            assert_eq!(found, Level::Warn);
            assert!(line.contains(wanted), "{line}");
        }
        for (was_silent, wanted) in [(true, "nothing was sent for"), (false, "was away for")] {
            let event = StandbyEvent::StandbyRenewed {
                seconds: 12,
                was_silent,
            };
            assert!(told(event).1.contains(wanted));
        }
    }
}
