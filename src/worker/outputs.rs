//! Topics with several outputs: what the chain says of their labels, and whether they can be answered.

use super::StartError;
use crate::{
    chain::{has_many_outputs, proto::emissions::Topic},
    forecast::{DeskHandle, Labels},
    types::TopicId,
};

/// Tells the desk of a topic's outputs. A topic with several needs a forecaster outside the process.
pub(super) fn declare(topic: &Topic, desk: &DeskHandle) -> Result<(), StartError> {
    let id = TopicId(topic.id);
    if !has_many_outputs(topic) {
        desk.declare(id, None);
        return Ok(());
    }
    let Some(chosen) = desk.chosen_labels(id) else {
        let labels = topic.label_whitelist.join(", ");
        return Err(StartError::ManyOutputs { topic: id, labels });
    };
    desk.declare(id, Some(labels(topic, chosen)?));
    Ok(())
}

/// The labels that a topic is answered with: the chosen ones, else all that it lists.
fn labels(topic: &Topic, chosen: &[String]) -> Result<Labels, StartError> {
    let case_sensitive = topic.label_case_sensitive;
    let listed = &topic.label_whitelist;
    let chosen: Vec<String> = chosen
        .iter()
        .map(|label| Labels::spelling(label, case_sensitive))
        .collect();
    let refuse = |wrong: String| StartError::BadLabels {
        topic: TopicId(topic.id),
        wrong,
        listed: if listed.is_empty() {
            "takes any labels".into()
        } else {
            format!("lists {}", listed.join(", "))
        },
    };
    let strange = chosen
        .iter()
        .find(|label| !listed.is_empty() && !listed.contains(label));
    if let Some(strange) = strange {
        return Err(refuse(format!("{strange:?} is not among its labels")));
    }
    let names = if chosen.is_empty() {
        listed.clone()
    } else {
        chosen
    };
    if names.is_empty() {
        return Err(refuse("it is not known which labels to answer".into()));
    }
    let number = |text: &str| text.parse().unwrap_or(0.0);
    Ok(Labels {
        names,
        most: usize::try_from(topic.max_labels_per_submission.max(1)).unwrap_or(usize::MAX),
        default: number(&topic.label_default_value),
        unity: topic.require_unity.then(|| number(&topic.unity_tolerance)),
        case_sensitive,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(listed: &[&str]) -> Topic {
        Topic {
            id: 68,
            output_arity: 2,
            max_labels_per_submission: 3,
            label_whitelist: listed.iter().map(|&it| it.to_owned()).collect(),
            label_default_value: "0".into(),
            ..Topic::default()
        }
    }

    fn chosen(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|&it| it.to_owned()).collect()
    }

    #[test]
    fn the_chosen_labels_are_answered_else_all_that_are_listed() {
        let topic = topic(&["up", "down"]);
        assert_eq!(labels(&topic, &[]).unwrap().names, ["up", "down"]);
        let fewer = labels(&topic, &chosen(&[" Down"])).unwrap();
        assert_eq!((fewer.names, fewer.most), (chosen(&["down"]), 3));
    }

    #[test]
    fn labels_that_can_not_be_answered_are_refused() {
        let refused = labels(&topic(&["up"]), &chosen(&["flat"])).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("\"flat\"") && text.contains("lists up"),
            "{text}"
        );
        let refused = labels(&topic(&[]), &[]).unwrap_err().to_string();
        assert!(refused.contains("takes any labels"), "{refused}");
        assert_eq!(labels(&topic(&[]), &chosen(&["a"])).unwrap().names, ["a"]);
    }

    #[test]
    fn the_chains_rules_are_taken_over() {
        let mut topic = topic(&["up", "down"]);
        topic.require_unity = true;
        topic.unity_tolerance = "0.01".into();
        topic.label_case_sensitive = true;
        let labels = labels(&topic, &[]).unwrap();
        assert_eq!((labels.unity, labels.case_sensitive), (Some(0.01), true));
    }
}
