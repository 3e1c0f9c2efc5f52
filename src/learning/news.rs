//! What the learning room tells.

use super::Comparison;
use crate::{
    store::{OpenedBy, Record, Standing},
    types::{TopicId, WindowKey},
};

/// Something that was learnt.
#[derive(Clone, Debug)]
pub enum News {
    /// Ours among the others, after a window has closed.
    Compared {
        /// The window.
        key: WindowKey,
        /// How far off ours is.
        comparison: Comparison,
    },
    /// Forecasts were resolved; told at most once an hour for a topic.
    Resolved {
        /// The topic.
        topic: TopicId,
        /// The newest of them.
        newest: Record,
        /// Who told when its window opened.
        clock: OpenedBy,
        /// How many they are.
        count: usize,
        /// How the topic's forecasts have done so far.
        standing: Box<Standing>,
    },
    /// Something can't be learnt at present.
    Hindered {
        /// Why.
        cause: String,
        /// What is done about it.
        remedy: &'static str,
    },
}
