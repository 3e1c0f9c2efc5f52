//! The status as a full screen.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line as Drawn, Span},
    widgets::{Block, Borders, Paragraph},
};

use super::{
    fit::{fitted, wrapped},
    sections::{Line, Mark, Section, sections},
    text::{Words, headline, subline},
};
use crate::status::{Advice, Severity, State, Status};

/// How it is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    /// Whether colours may be used.
    pub(super) colours: bool,
    /// Lines that are scrolled past.
    pub(super) scrolled: u16,
}

/// Width of the labels.
const LABEL: usize = 8;
/// Below this width there is one column.
const TWO_COLUMNS: u16 = 70;

/// Draws all of it; gives how many lines can be scrolled.
pub(super) fn draw(frame: &mut Frame<'_>, status: &Status, view: View) -> u16 {
    let area = frame.area();
    let advice = advice(status, view, area);
    let height = u16::try_from(advice.len()).unwrap_or(u16::MAX);
    let rows = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(height),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [head, told, body, foot] = rows.areas(area);
    frame.render_widget(
        Paragraph::new(header(status, view, usize::from(area.width))),
        head,
    );
    frame.render_widget(Paragraph::new(advice), told);
    let hidden = columns(frame, body, status, view);
    let keys = if hidden > 0 {
        "q leave · ↑ ↓ scroll"
    } else {
        "q leave"
    };
    let time = status.at.time();
    let keys = format!(
        "{keys} · {:02}:{:02}:{:02} UTC",
        time.hour(),
        time.minute(),
        time.second()
    );
    frame.render_widget(Paragraph::new(keys).style(view.dim()), foot);
    hidden
}

impl View {
    fn mark(self, mark: Mark) -> (&'static str, Style) {
        match mark {
            Mark::None => (" ", Style::new()),
            Mark::Good => ("✓", self.coloured(Color::Green)),
            Mark::Warn => ("!", self.coloured(Color::Yellow)),
            Mark::Bad => ("✗", self.coloured(Color::Red)),
        }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colours {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn dim(self) -> Style {
        if self.colours {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new()
        }
    }
}

fn header(status: &Status, view: View, width: usize) -> Vec<Drawn<'static>> {
    let mark = match status.state {
        State::Running => Mark::Good,
        State::Trouble | State::Stopped => Mark::Bad,
        State::NeverStarted => Mark::Warn,
    };
    let (sign, style) = view.mark(mark);
    let bold = style.add_modifier(Modifier::BOLD);
    let room = width.saturating_sub(2);
    let all = headline(status, Words::All);
    let headline = if all.chars().count() <= room {
        all
    } else {
        fitted(&headline(status, Words::Few), room)
    };
    vec![
        Drawn::from(vec![
            Span::styled(format!("{sign} "), bold),
            Span::styled(headline, bold),
        ]),
        Drawn::styled(format!("  {}", fitted(&subline(status), room)), view.dim()),
    ]
}

/// The worst first, each in full with its remedy, as many as a third of the screen holds.
fn advice(status: &Status, view: View, area: Rect) -> Vec<Drawn<'static>> {
    let most = usize::from(area.height / 3).max(2);
    let mut lines: Vec<Drawn<'static>> = Vec::new();
    let mut shown = 0;
    for it in &status.advice {
        let one = advised(it, view, usize::from(area.width));
        let is_last = shown + 1 == status.advice.len();
        // The line that tells of further ones.
        let room = most - usize::from(!is_last);
        if shown > 0 && lines.len() + one.len() > room {
            break;
        }
        lines.extend(one.into_iter().take(most));
        shown += 1;
    }
    let more = status.advice.len() - shown;
    if more > 0 {
        lines.push(Drawn::styled(
            format!("  and {more} more: see `status`"),
            view.dim(),
        ));
    }
    lines
}

fn advised(it: &Advice, view: View, width: usize) -> Vec<Drawn<'static>> {
    let mark = match it.severity {
        Severity::Trouble => Mark::Bad,
        Severity::Warning => Mark::Warn,
        Severity::Notice => Mark::None,
    };
    let (sign, style) = view.mark(mark);
    let topic = it.topic.map(|id| format!("topic {id}: "));
    let cause = format!("{}{}", topic.unwrap_or_default(), it.cause);
    let causes = wrapped(&cause, width.saturating_sub(2)).into_iter();
    let causes = causes.zip(std::iter::once(sign).chain(std::iter::repeat(" ")));
    let mut lines: Vec<_> = causes
        .map(|(text, sign)| {
            Drawn::from(vec![
                Span::styled(format!("{sign} "), style),
                Span::styled(text, style),
            ])
        })
        .collect();
    let remedies = wrapped(&it.remedy, width.saturating_sub(4)).into_iter();
    let remedies = remedies.zip(std::iter::once("→").chain(std::iter::repeat(" ")));
    lines.extend(remedies.map(|(text, sign)| Drawn::from(format!("  {sign} {text}"))));
    lines
}

/// Fills one or two columns with sections; gives how many lines don't fit.
fn columns(frame: &mut Frame<'_>, area: Rect, status: &Status, view: View) -> u16 {
    let count = if area.width < TWO_COLUMNS { 1 } else { 2 };
    let areas = Layout::horizontal(vec![Constraint::Ratio(1, count); count as usize]).split(area);
    let all = sections(status);
    let heights: Vec<usize> = all.iter().map(|it| it.lines.len() + 1).collect();
    let cut = split(&heights, areas.len());
    let (left, right) = all.split_at(cut);
    let mut hidden = 0;
    for (area, part) in areas.iter().zip([left, right]) {
        let inside = usize::from(area.width.saturating_sub(2));
        let drawn: Vec<_> = part
            .iter()
            .flat_map(|it| section(it, inside, view))
            .collect();
        let lines = u16::try_from(drawn.len()).unwrap_or(u16::MAX);
        let over = lines.saturating_sub(area.height.saturating_sub(1));
        hidden = hidden.max(over);
        let block = Block::new().borders(Borders::TOP).border_style(view.dim());
        let shown = Paragraph::new(drawn)
            .block(block)
            .scroll((view.scrolled.min(over), 0));
        frame.render_widget(shown, *area);
    }
    hidden
}

/// After how many sections the second column begins, so that both are about as high.
fn split(heights: &[usize], columns: usize) -> usize {
    if columns < 2 {
        return heights.len();
    }
    let all: usize = heights.iter().sum();
    let uneven = |cut: &usize| {
        let left: usize = heights[..*cut].iter().sum();
        left.abs_diff(all - left)
    };
    (0..=heights.len()).min_by_key(uneven).unwrap_or_default()
}

fn section(section: &Section, width: usize, view: View) -> Vec<Drawn<'static>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines = vec![Drawn::styled(section.title.clone(), bold)];
    lines.extend(section.lines.iter().map(|it| drawn(it, width, view)));
    lines
}

fn drawn(line: &Line, width: usize, view: View) -> Drawn<'static> {
    let (sign, style) = view.mark(line.mark);
    let label = fitted(&line.label, LABEL);
    let room = width.saturating_sub(LABEL + 3);
    let text = if line.text.chars().count() <= room {
        line.text.clone()
    } else {
        fitted(&line.short, room)
    };
    Drawn::from(vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(format!("{label:<LABEL$} "), view.dim()),
        Span::raw(text),
    ])
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};
    use rstest::rstest;

    use super::*;
    use crate::cli::status::samples;

    fn drawn(status: &Status, (width, height): (u16, u16), view: View) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| {
                let _hidden = draw(frame, status, view);
            })
            .unwrap();
        terminal
    }

    #[rstest]
    #[case::running("running", samples::running())]
    #[case::stopped("stopped", samples::stopped())]
    #[case::never("never", samples::never())]
    #[case::degraded("degraded", samples::degraded())]
    fn frames(#[case] name: &str, #[case] status: Status) {
        for size in [(80, 24), (120, 40)] {
            let name = format!("{name}_{}x{}", size.0, size.1);
            let terminal = drawn(&status, size, View::default());
            insta::assert_snapshot!(name, terminal.backend());
        }
    }

    #[test]
    fn colours_are_used_only_where_they_may_be() {
        let coloured = |colours| {
            let view = View {
                colours,
                scrolled: 0,
            };
            let terminal = drawn(&samples::degraded(), (80, 24), view);
            let cells = terminal.backend().buffer().content();
            cells.iter().any(|cell| cell.fg != Color::Reset)
        };
        assert!(coloured(true) && !coloured(false));
    }

    #[test]
    fn any_size_can_be_drawn_and_scrolled() {
        for width in [1, 2, 9, 30, 69, 70, 300] {
            for height in [1, 2, 3, 5, 24, 100] {
                let view = View {
                    colours: true,
                    scrolled: 999,
                };
                let _drawn = drawn(&samples::degraded(), (width, height), view);
            }
        }
    }

    #[test]
    fn trouble_is_told_whole_at_any_usual_width() {
        for width in [80, 100, 120] {
            let terminal = drawn(&samples::degraded(), (width, 24), View::default());
            let cells = terminal.backend().buffer().content().iter();
            let text: String = cells.map(ratatui::buffer::Cell::symbol).collect();
            assert!(text.contains("running, in trouble: ready"), "{text}");
            let words: String = text.split_whitespace().collect();
            for advice in samples::degraded().advice.iter().take(2) {
                for part in [&advice.cause, &advice.remedy] {
                    let part: String = part.split_whitespace().collect();
                    assert!(words.contains(&part), "{part} is not in {words}");
                }
            }
        }
    }

    #[test]
    fn columns_are_about_as_high() {
        assert_eq!(split(&[4, 4, 5, 3], 2), 2);
        assert_eq!(split(&[9, 1, 1], 2), 1);
        assert_eq!(split(&[4, 4], 1), 2);
        assert_eq!(split(&[], 2), 0);
    }
}
