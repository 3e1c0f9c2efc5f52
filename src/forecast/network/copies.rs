//! Models that say the same as one another are one opinion, however many they are.

use std::{collections::HashMap, sync::Arc};

use super::Voice;

/// Newest rounds that are remembered.
const ROUNDS: usize = 21;
/// Rounds that two models must have in common for their past to tell them apart.
const ENOUGH: usize = 5;
/// How near two answers are that count as the same, in standard deviations of the return over the
/// horizon.
const NEAR: f64 = 0.01;
/// The same where that deviation is not known.
const NEAR_AT_ALL: f64 = 1e-6;

/// What models answered in the newest rounds: by model, a ring of values, of which those that are no
/// number are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    said: HashMap<Arc<str>, [f64; ROUNDS]>,
    rounds: usize,
}

impl Memory {
    /// Remembers a round.
    pub(super) fn add(&mut self, voices: &[Voice]) {
        let place = self.rounds % ROUNDS;
        self.rounds += 1;
        for said in self.said.values_mut() {
            said[place] = f64::NAN;
        }
        for voice in voices.iter().filter(|it| it.value.is_finite()) {
            let none = [f64::NAN; ROUNDS];
            self.said.entry(Arc::clone(&voice.model)).or_insert(none)[place] = voice.value;
        }
        // Who has not been heard for so long is forgotten.
        self.said
            .retain(|_, said| said.iter().any(|it| it.is_finite()));
    }

    /// Groups voices that say the same, the best first in each: gives, for each, the place of the
    /// first of its group. `order` names places from the best voice to the worst.
    pub(super) fn groups(
        &self,
        voices: &[Voice],
        order: &[usize],
        scale: Option<f64>,
    ) -> Vec<Vec<usize>> {
        let near = scale.map_or(NEAR_AT_ALL, |scale| NEAR * scale);
        let said: Vec<Option<&[f64; ROUNDS]>> =
            voices.iter().map(|it| self.said.get(&it.model)).collect();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for &place in order {
            let same = |group: &&mut Vec<usize>| {
                group.first().is_some_and(|first| {
                    (voices[*first].value - voices[place].value).abs() <= near
                        && is_copy(said[*first], said[place], near)
                })
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(place),
                None => groups.push(vec![place]),
            }
        }
        groups
    }
}

/// Whether two that say the same now did so before, if both were there. A common opinion of the day alone
/// makes no copy.
fn is_copy(a: Option<&[f64; ROUNDS]>, b: Option<&[f64; ROUNDS]>, near: f64) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return true;
    };
    let both = a.iter().zip(b).map(|(a, b)| a - b);
    let (mut count, mut squares) = (0_usize, 0.0);
    for off in both.filter(|off| off.is_finite()) {
        count += 1;
        squares += off * off;
    }
    count < ENOUGH || (squares / count as f64).sqrt() <= near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(model: &str, value: f64) -> Voice {
        Voice {
            model: model.into(),
            value,
            standing: None,
        }
    }

    #[test]
    fn copies_are_told_by_their_past() {
        let mut memory = Memory::default();
        for round in 0..10 {
            let value = f64::from(round) * 0.01;
            // "c" meets "a" by chance in the last round alone.
            memory.add(&[voice("a", value), voice("b", value), voice("c", 0.09)]);
        }
        let now = [
            voice("a", 0.05),
            voice("b", 0.0501),
            voice("c", 0.05),
            voice("d", 0.05),
        ];
        let groups = memory.groups(&now, &[0, 1, 2, 3], Some(0.07));
        // "d" is new: nothing tells it from "a".
        assert_eq!(groups, [vec![0, 1, 3], vec![2]]);
        let groups = memory.groups(&now, &[0, 1, 2, 3], None);
        assert_eq!(groups.len(), 3);
    }

    #[test]
    fn what_lies_between_two_does_not_join_them() {
        let now = [voice("a", 0.0), voice("b", 0.9), voice("c", 1.8)];
        let groups = Memory::default().groups(&now, &[0, 1, 2], Some(100.0));
        assert_eq!(groups, [vec![0, 1], vec![2]]);
    }
}
