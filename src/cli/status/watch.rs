//! Following the status live.

use std::{env, io, time::Duration};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::runtime::Runtime;

use super::dashboard::{View, draw};
use crate::{
    clock::{Clock as _, SystemClock},
    status::{Desk, Status},
};

/// How often it is drawn anew.
const EVERY: Duration = Duration::from_secs(1);

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Leave,
    Scroll(i32),
    Nothing,
}

/// Draws until the operator leaves; gives the last status. The terminal is restored whatever happens.
///
/// # Errors
/// When the terminal can't be drawn on.
pub(super) fn watch(runtime: &Runtime, desk: &mut Desk) -> io::Result<Status> {
    let mut terminal = ratatui::try_init()?;
    let ended = follow(&mut terminal, runtime, desk);
    let restored = ratatui::try_restore();
    let status = ended?;
    restored?;
    Ok(status)
}

fn follow(
    terminal: &mut ratatui::DefaultTerminal,
    runtime: &Runtime,
    desk: &mut Desk,
) -> io::Result<Status> {
    // Set and not empty, as no-color.org has it.
    let is_plain = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    let mut view = View {
        colours: !is_plain,
        scrolled: 0,
    };
    let mut status = runtime.block_on(desk.status(SystemClock.now()));
    let mut read = std::time::Instant::now();
    loop {
        let mut hidden = 0;
        terminal.draw(|frame| hidden = draw(frame, &status, view))?;
        let left = EVERY.saturating_sub(read.elapsed());
        if event::poll(left)? {
            match wish(&event::read()?) {
                Wish::Leave => return Ok(status),
                Wish::Scroll(by) => {
                    let to = i32::from(view.scrolled.min(hidden)).saturating_add(by);
                    let to = to.clamp(0, hidden.into());
                    view.scrolled = u16::try_from(to).unwrap_or_default();
                }
                Wish::Nothing => {}
            }
        }
        if read.elapsed() >= EVERY {
            status = runtime.block_on(desk.status(SystemClock.now()));
            read = std::time::Instant::now();
        }
    }
}

/// A changed size draws anew by itself.
fn wish(event: &Event) -> Wish {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return Wish::Nothing;
    };
    match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Wish::Leave,
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Wish::Leave,
        KeyCode::Up | KeyCode::Char('k') => Wish::Scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => Wish::Scroll(1),
        KeyCode::PageUp => Wish::Scroll(-10),
        KeyCode::PageDown | KeyCode::Char(' ') => Wish::Scroll(10),
        KeyCode::Home => Wish::Scroll(i32::MIN),
        KeyCode::End => Wish::Scroll(i32::MAX),
        _ => Wish::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_or_scroll() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        let none = KeyModifiers::NONE;
        assert_eq!(key(KeyCode::Char('q'), none), Wish::Leave);
        assert_eq!(key(KeyCode::Esc, none), Wish::Leave);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Wish::Leave);
        assert_eq!(key(KeyCode::Char('c'), none), Wish::Nothing);
        assert_eq!(key(KeyCode::Down, none), Wish::Scroll(1));
        assert_eq!(wish(&Event::Resize(80, 24)), Wish::Nothing);
    }
}
