//! Each section's figures as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    page::{
        Board,
        view::{Choice, Section},
    },
    status::Status,
};

/// What a section shows; of the chosen topic where it is one topic's.
pub(super) fn figures(section: Section, board: &Board, choice: &Choice) -> Value {
    let status = &board.status;
    let topic = board.topic(choice.topic);
    let id = topic.map(|it| it.id);
    let of_status = status.topics.iter().find(|it| Some(it.id) == id);
    match section {
        Section::Banner => json!({
            "at": rfc3339(status), "told": board.told, "state": status.state,
            "process": status.process, "advice": status.advice, "standby": status.standby,
        }),
        Section::Next => json!({
            "topic": id, "next": of_status.map(|it| &it.next), "last": of_status.map(|it| &it.last),
            "head": status.head,
        }),
        Section::Goals => json!({
            "goals": status.goals, "period": status.period, "windows": status.windows,
            "uptime": status.uptime, "topic": id, "of_topic": of_status.map(|it| &it.windows),
        }),
        Section::Windows => json!({
            "topic": id, "explorer": board.explorer, "windows": topic.map(|it| &it.windows),
        }),
        Section::Track => json!({"topic": id, "track": topic.map(|it| &it.track)}),
        Section::Network => json!({"topic": id, "network": topic.map(|it| &it.network)}),
        Section::Earnings => json!({
            "topic": id, "score_ema": of_status.map(|it| it.score_ema),
            "earnings": topic.map(|it| &it.earnings),
        }),
        Section::Latency => value(&board.latency),
        Section::Money => value(&status.money),
        Section::Endpoints => json!({
            "endpoints": status.endpoints, "socket": status.socket, "head": status.head,
        }),
        Section::Anatomy => json!({"topic": id, "anatomy": topic.map(|it| &it.anatomy)}),
        Section::Models => value(&board.models),
        Section::Log => json!({"lines": lines(board, choice)}),
    }
}

/// The lines that the filter lets through.
fn lines<'a>(board: &'a Board, choice: &Choice) -> Vec<&'a crate::page::LogLine> {
    let lines = board.log.iter();
    lines
        .filter(|it| choice.takes(it.level, &[&it.event, &it.message]))
        .collect()
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn rfc3339(status: &Status) -> Option<String> {
    let form = &time::format_description::well_known::Rfc3339;
    status.at.format(form).ok()
}
