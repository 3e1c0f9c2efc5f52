//! One expectation of many: weighed, and out of reach of any one of them.

use std::sync::Arc;

use super::{BlendConfig, Voice, cap::capped, copies::Memory};

/// Median absolute deviations to a standard deviation, for a normal distribution.
const TO_DEVIATION: f64 = 1.4826;

/// A model's part in a combination.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The model.
    pub model: Arc<str>,
    /// What it expects.
    pub value: f64,
    /// Its share of the whole weight.
    pub weight: f64,
}

/// What models together expect.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// The log-return over the horizon.
    pub value: f64,
    /// Opinions that are not copies of one another.
    pub opinions: usize,
    /// The models that have weight, the heaviest first.
    pub parts: Vec<Part>,
}

/// An opinion: one model's, or that of a group of copies.
struct Opinion {
    value: f64,
    skill: f64,
    members: Vec<(usize, f64)>,
}

/// Combines voices: a mean by weight of the opinions, each drawn towards the weighted median where it
/// lies too far from it. Weight is earned by a score above zero. Models without a score have a say only
/// while too few have earned one; those with a score at or below zero have none. None where there are
/// too few opinions. `limit` is the largest log-return that is believed, `scale` the standard deviation
/// of the return over the horizon, where it is known.
pub(super) fn combine(
    voices: &[Voice],
    memory: &Memory,
    config: &BlendConfig,
    limit: f64,
    scale: Option<f64>,
) -> Option<Combined> {
    let believed = |voice: &Voice| voice.value.is_finite() && voice.value.abs() <= limit;
    let earned: Vec<Option<f64>> = voices
        .iter()
        .map(|voice| voice.standing.filter(|it| *it > 0.0 && believed(voice)))
        .collect();
    let opinions = opinions(voices, &earned, memory, scale);
    if opinions.len() >= config.least {
        return Some(mean(voices, &opinions, config));
    }
    let usual = median(earned.iter().flatten().copied()).unwrap_or(1.0);
    let granted = |(voice, earned): (&Voice, &Option<f64>)| {
        earned.or_else(|| (voice.standing.is_none() && believed(voice)).then_some(usual))
    };
    let granted: Vec<_> = voices.iter().zip(&earned).map(granted).collect();
    let opinions = self::opinions(voices, &granted, memory, scale);
    (opinions.len() >= config.least).then(|| mean(voices, &opinions, config))
}

/// Voices with skill, copies together. A group has the skill of its best, and speaks as its members do
/// by theirs.
fn opinions(
    voices: &[Voice],
    skills: &[Option<f64>],
    memory: &Memory,
    scale: Option<f64>,
) -> Vec<Opinion> {
    let skill = |place: usize| skills[place].unwrap_or(0.0);
    let mut order: Vec<usize> = (0..voices.len()).filter(|it| skill(*it) > 0.0).collect();
    order.sort_by(|a, b| {
        let by_skill = skill(*b).total_cmp(&skill(*a));
        by_skill.then_with(|| voices[*a].model.cmp(&voices[*b].model))
    });
    let of = |group: Vec<usize>| {
        let total: f64 = group.iter().map(|it| skill(*it)).sum();
        let members: Vec<_> = group.iter().map(|it| (*it, skill(*it) / total)).collect();
        Opinion {
            value: members
                .iter()
                .map(|(it, share)| share * voices[*it].value)
                .sum(),
            skill: group.first().map_or(0.0, |best| skill(*best)),
            members,
        }
    };
    let groups = memory.groups(voices, &order, scale);
    groups.into_iter().map(of).collect()
}

fn mean(voices: &[Voice], opinions: &[Opinion], config: &BlendConfig) -> Combined {
    let skills: Vec<f64> = opinions.iter().map(|it| it.skill).collect();
    let shares = capped(&skills, config.cap);
    let values: Vec<f64> = opinions.iter().map(|it| it.value).collect();
    let middle = weighted_median(&values, &shares);
    let off: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let reach = config.spread * TO_DEVIATION * weighted_median(&off, &shares);
    let drawn = |value: &f64| value.clamp(middle - reach, middle + reach);
    let value = values
        .iter()
        .zip(&shares)
        .map(|(value, share)| share * drawn(value))
        .sum();
    let mut parts = Vec::new();
    for (opinion, share) in opinions.iter().zip(&shares) {
        for (place, part) in &opinion.members {
            let Voice { model, value, .. } = &voices[*place];
            parts.push(Part {
                model: Arc::clone(model),
                value: *value,
                weight: share * part,
            });
        }
    }
    parts.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| a.model.cmp(&b.model))
    });
    Combined {
        value,
        opinions: opinions.len(),
        parts,
    }
}

/// The smallest value at which half of the weight is reached.
fn weighted_median(values: &[f64], weights: &[f64]) -> f64 {
    let mut all: Vec<(f64, f64)> = values
        .iter()
        .copied()
        .zip(weights.iter().copied())
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * weights.iter().sum::<f64>() * (1.0 - 1e-12);
    let mut sum = 0.0;
    for (value, weight) in &all {
        sum += weight;
        if sum >= half {
            return *value;
        }
    }
    0.0
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
#[path = "combine_tests.rs"]
mod tests;
