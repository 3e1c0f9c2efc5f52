//! Whose mistake a missing method or base class is.
//!
//! A model that lacks what no model has shows nothing but a wrong configuration. So an accusation
//! waits until some model proves that the thing can be had; only then the accused are at fault.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::models::roster::RunId;

/// What is in question: the base class, or a method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The base class that the configuration names.
    BaseClass(String),
    /// A method of the models.
    Method(String),
}

#[derive(Debug, Default)]
struct Testimony {
    is_proven: bool,
    accused: Vec<(RunId, String)>,
}

/// What all models of a network have shown.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    subjects: Mutex<HashMap<Subject, Testimony>>,
}

/// What an accusation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Others have it: the model is at fault.
    Guilty,
    /// No model has shown it so far. How many lack it.
    Open(usize),
}

impl Evidence {
    /// A model has it. Gives those that were waiting for the proof, with their own words.
    pub(super) fn prove(&self, subject: &Subject, by: RunId) -> Vec<(RunId, String)> {
        let mut subjects = self.lock();
        if let Some(testimony) = subjects.get_mut(subject) {
            testimony.is_proven = true;
            // It may have lacked it before.
            testimony.accused.retain(|(accused, _)| *accused != by);
            return std::mem::take(&mut testimony.accused);
        }
        let testimony = Testimony {
            is_proven: true,
            ..Testimony::default()
        };
        subjects.insert(subject.clone(), testimony);
        Vec::new()
    }

    /// A model lacks it.
    pub(super) fn accuse(&self, subject: &Subject, run: RunId, words: &str) -> Finding {
        let mut subjects = self.lock();
        let testimony = subjects.entry(subject.clone()).or_default();
        if testimony.is_proven {
            return Finding::Guilty;
        }
        if testimony.accused.iter().all(|(other, _)| *other != run) {
            testimony.accused.push((run, words.to_owned()));
        }
        Finding::Open(testimony.accused.len())
    }

    /// A run is gone.
    pub(crate) fn forget(&self, run: RunId) {
        for testimony in self.lock().values_mut() {
            testimony.accused.retain(|(other, _)| *other != run);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Testimony>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_nobodys_fault() {
        let evidence = Evidence::default();
        let method = Subject::Method("predcit".into());
        for run in 1..=3 {
            for _ in 0..2 {
                let found = evidence.accuse(&method, RunId(run), "not found");
                assert_eq!(found, Finding::Open(usize::try_from(run).unwrap()));
            }
        }
        evidence.forget(RunId(2));
        evidence.accuse(&method, RunId(4), "not found");
        let convicted = evidence.prove(&method, RunId(4));
        assert_eq!(
            convicted,
            [
                (RunId(1), "not found".into()),
                (RunId(3), "not found".into())
            ]
        );
        assert_eq!(evidence.accuse(&method, RunId(4), ""), Finding::Guilty);
        assert!(
            evidence.prove(&method, RunId(4)).is_empty(),
            "each is convicted once"
        );
    }

    #[test]
    fn each_subject_is_proven_by_itself() {
        let evidence = Evidence::default();
        assert!(
            evidence
                .prove(&Subject::Method("tick".into()), RunId(1))
                .is_empty()
        );
        let class = Subject::BaseClass("tick".into());
        assert_eq!(evidence.accuse(&class, RunId(1), ""), Finding::Open(1));
    }
}
