//! What several workers of the wallet do.

use super::{Line, Mark, line};
use crate::{status::Status, vitals::Role};

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let Some(standby) = &status.standby else {
        return Vec::new();
    };
    let leader = standby.leader.as_deref().unwrap_or("another");
    let (mark, text) = match standby.role {
        Role::Leads => (Mark::Good, "leads and answers".to_owned()),
        Role::Waits => (Mark::Good, format!("stands by; {leader} leads")),
        Role::Silent => (Mark::Bad, "sends nothing: its lease is past its end".into()),
        Role::Alone => (Mark::Warn, "goes on alone".into()),
    };
    vec![line(mark, &standby.name, text)]
}
