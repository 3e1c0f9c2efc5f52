//! Our newest value among the others'.

use crate::{
    forecast::Target,
    learning::{LearningConfig, compare},
    page::NetworkNow,
    store::{Noted, Peers},
};

/// Where a forecast stands among the others'; none without others.
pub(super) fn network(
    config: &LearningConfig,
    target: Option<Target>,
    (ours, peers): (&Noted, &Peers),
) -> Option<NetworkNow> {
    let mut others: Vec<f64> = peers.inferers.values().copied().collect();
    others.retain(|it| it.is_finite());
    others.sort_by(f64::total_cmp);
    if others.is_empty() {
        return None;
    }
    // Of a unit that is not known only the least spread would be another.
    let target = target.unwrap_or(Target::LogReturn);
    let found = compare(config, target, ours.value, &others, peers.combined);
    Some(NetworkNow {
        nonce: ours.key.nonce,
        opened: ours.opened,
        value: ours.value,
        combined: peers.combined,
        others,
        mean: found.mean,
        spread: found.spread,
        z: found.z,
        verdict: found.z.map(|_| found.verdict),
    })
}
