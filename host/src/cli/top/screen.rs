//! The terminal while something is drawn on all of it: raw, on its alternate screen, and as it was again afterwards.
//!
//! Whatever ends the command restores it: the end of its scope, and a panic before its message is printed.

use std::fs::File;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::cli::terminal;

/// The alternate screen, without a cursor, on which long lines are cut off.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &[u8] = b"\x1b[?7h\x1b[?25h\x1b[?1049l";

/// A screen that was taken, and how its terminal was before. For the panic hook, which has nothing else to hold on to.
static TAKEN: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// The screen.
pub(super) struct Screen {
    terminal: File,
}

/// How large the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Screen {
    /// Takes a terminal's screen.
    pub(super) fn take(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal.try_clone()?, before));
        // From here on it is given back, whatever happens.
        let mut screen = Self { terminal };
        tcsetattr(&screen.terminal, OptionalActions::Flush, &raw)?;
        screen.terminal.write_all(ENTER)?;
        Ok(screen)
    }

    pub(super) fn size(&self) -> io::Result<Size> {
        let size = tcgetwinsize(&self.terminal)?;
        // A terminal that does not know its size says that it has none.
        let known = |length: u16, otherwise| if length == 0 { otherwise } else { usize::from(length) };
        Ok(Size { columns: known(size.ws_col, 80), rows: known(size.ws_row, 24) })
    }

    /// Draws these lines in the place of what is there, in one write, so that nothing flickers.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut frame = String::from("\x1b[H");
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                frame.push_str("\r\n");
            }
            frame.push_str(line);
            frame.push_str("\x1b[0m\x1b[K");
        }
        frame.push_str("\x1b[J");
        self.terminal.write_all(frame.as_bytes())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it was taken.
fn give_back() {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((mut terminal, before)) = taken {
        // A terminal that is gone needs nothing.
        let _ = terminal.write_all(LEAVE);
        let _ = tcsetattr(&terminal, OptionalActions::Drain, &before);
    }
}

/// Tells of a panic where it can be read.
pub(super) fn panicked(panic: &PanicHookInfo<'_>) {
    give_back();
    terminal::panicked(panic);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use nix::pty::openpty;
    use rustix::termios::LocalModes;

    use super::*;

    #[test]
    fn a_terminal_is_given_back_as_it_was() {
        let pty = openpty(None, None).unwrap();
        let (mut controller, terminal) = (File::from(pty.master), File::from(pty.slave));
        let cooked = |terminal: &File| tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ICANON);
        let mut screen = Screen::take(terminal.try_clone().unwrap()).unwrap();
        assert!(!cooked(&terminal));
        assert_eq!(screen.size().unwrap(), Size { columns: 80, rows: 24 }, "it does not know");
        screen.draw(&["one".to_owned(), "two".to_owned()]).unwrap();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _screen = screen;
            std::panic::resume_unwind(Box::new("while it draws"));
        }));
        assert!(panic.is_err() && cooked(&terminal));
        let (mut drawn, mut part) = (String::new(), [0; 1024]);
        while !drawn.contains("1049l") {
            let read = controller.read(&mut part).unwrap();
            drawn.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
        assert!(drawn.contains("one\u{1b}[0m\u{1b}[K\r\ntwo") && drawn.ends_with("\u{1b}[?1049l"), "{drawn:?}");
    }
}
