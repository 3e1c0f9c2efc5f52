//! Ours among the others' values.

use askama::Template;

use super::{
    chart::{self, Area, Chart, Mark, Note},
    words::{self, Stamp, Unit},
};
use crate::{
    learning::Verdict,
    page::{NetworkNow, TopicBoard},
};

const AREA: Area = Area {
    left: 24,
    right: 536,
    ..Area::new(560, 132)
};

#[derive(Template)]
#[template(path = "page/network.html")]
pub(super) struct Network {
    now: Option<Now>,
    facts: Vec<(&'static str, String)>,
}

struct Now {
    opened: Stamp,
    nonce: String,
    chart: Chart,
    /// Our distance, and what it means.
    figure: String,
    class: &'static str,
    verdict: &'static str,
}

pub(super) fn network(topic: Option<&TopicBoard>) -> Network {
    let unit = Unit::of(topic.and_then(|it| it.target));
    let standing = topic.and_then(|it| it.track.standing.as_ref());
    let place = topic.and_then(|it| it.track.points.iter().rev().find_map(|it| it.place));
    let mut facts = Vec::new();
    if let Some((place, of)) = place {
        facts.push(("Newest rank by loss", format!("{place} of {of}")));
    }
    if let Some(it) = standing {
        if let Some(mean) = it.mean_place {
            let text = format!(
                "{mean:.2} in {} (0 is always the best, 1 always the last)",
                it.ranked
            );
            facts.push(("Mean place", text));
        }
        let against = |ratio: f64| {
            let word = if ratio < 1.0 { "smaller" } else { "greater" };
            format!("{ratio:.3}: ours is {word}")
        };
        if let Some(ratio) = it.ratio_to_median {
            facts.push(("Our error against the median's", against(ratio)));
        }
        if let Some(ratio) = it.ratio_to_network {
            facts.push(("Against the combined value's", against(ratio)));
        }
    }
    Network {
        now: topic
            .and_then(|it| it.network.as_ref())
            .map(|it| now(it, unit)),
        facts,
    }
}

fn now(known: &NetworkNow, unit: Unit) -> Now {
    let (class, verdict) = match known.verdict {
        Some(Verdict::Usual) => ("good", "nothing unusual"),
        Some(Verdict::Notice) => (
            "warn",
            "farther off than usual; worth a look if it stays so",
        ),
        Some(Verdict::Warning) => ("bad", "far from all others: look at prices and units"),
        None => ("", "too few others to tell"),
    };
    let figure = known.z.map_or_else(
        || "z unknown".into(),
        |z| format!("z = {}", words::signed(z, 2)),
    );
    Now {
        opened: words::short(known.opened),
        nonce: known.nonce.to_string(),
        chart: strip(known, unit),
        figure,
        class,
        verdict,
    }
}

fn strip(known: &NetworkNow, unit: Unit) -> Chart {
    let own = [Some(known.value), known.combined];
    let values = known
        .others
        .iter()
        .copied()
        .chain(own.into_iter().flatten());
    let (low, high) = chart::bounds(values).unwrap_or((0.0, 1.0));
    let room = (high - low) * 0.04;
    let (low, high) = ((low - room) * unit.factor, (high + room) * unit.factor);
    let across = AREA.across(low, high);
    let at = |value: f64| across.at(value * unit.factor);
    // Dots that would hide each other stand on several levels.
    let level = |index: usize| 62.0 + [0.0, 10.0, -10.0, 20.0, -20.0][index % 5];
    let others = known.others.iter().enumerate();
    let others = chart::dots(others.map(|(index, it)| (at(*it), level(index))));
    let mut marks = vec![
        Mark {
            class: "axis",
            path: format!("M{} 62H{}", AREA.left, AREA.right),
        },
        Mark {
            class: "dot other",
            path: others,
        },
    ];
    let mut notes = Vec::new();
    let anchor = |x: f64| match x {
        x if x < 110.0 => "start",
        x if x > 450.0 => "end",
        _ => "middle",
    };
    if let Some(combined) = known.combined {
        let x = at(combined);
        marks.push(Mark {
            class: "combined",
            path: format!("M{} 32V92", chart::place(x)),
        });
        notes.push(Note::new(
            x,
            104.0,
            anchor(x),
            format!("combined {}", unit.show(combined)),
        ));
    }
    let x = at(known.value);
    let tip = chart::place(x);
    marks.push(Mark {
        class: "own",
        path: format!("M{tip} 54l8 8l-8 8l-8-8zM{tip} 20V54"),
    });
    notes.push(Note::new(
        x,
        15.0,
        anchor(x),
        format!("ours {}", unit.show(known.value)),
    ));
    Chart {
        label: format!(
            "Ours {}, {} others from {} to {}",
            unit.show(known.value),
            known.others.len(),
            known
                .others
                .first()
                .map_or_else(|| "–".into(), |it| unit.show(*it)),
            known
                .others
                .last()
                .map_or_else(|| "–".into(), |it| unit.show(*it)),
        ),
        area: AREA,
        across: across.ticks(5, unit.suffix, unit.is_return),
        up: Vec::new(),
        marks,
        notes,
    }
}
