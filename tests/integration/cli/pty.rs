//! A terminal for commands: what a person sees, and what they type.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};

use nix::pty::{Winsize, openpty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr, tcsetwinsize};

use crate::project::{Project, eventually};

/// A command that runs at a terminal. It is killed when this is dropped.
pub(super) struct AtTerminal {
    child: Child,
    keyboard: File,
    /// The other end, which tells how the terminal is set up.
    terminal: File,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl AtTerminal {
    pub(super) fn start(project: &Project, arguments: &[&str], rows: u16, columns: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let (keyboard, terminal) = (File::from(pty.master), File::from(pty.slave));
        let end = || terminal.try_clone().unwrap();
        let mut command: Command = project.command(arguments);
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command);
        let (mut screen, seen) = (keyboard.try_clone().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = seen.clone();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut part) {
                kept.lock().unwrap().extend_from_slice(&part[..read]);
            }
        });
        Self { child, keyboard, terminal, seen }
    }

    /// All that was printed so far.
    pub(super) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).replace("\r\n", "\n")
    }

    /// What was drawn last on a screen that is drawn anew each time.
    pub(super) fn frame(&self) -> String {
        let seen = self.seen();
        let whole = &seen[..seen.rfind("\u{1b}[J").unwrap_or(0)];
        let frame = whole.rsplit("\u{1b}[H").next().unwrap_or_default();
        anstream::adapter::strip_str(frame).to_string()
    }

    #[track_caller]
    pub(super) fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        assert!(eventually(|| holds(&self.frame())), "waited in vain until {what}; it showed:\n{}", self.seen());
    }

    pub(super) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(super) fn resize(&self, rows: u16, columns: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.terminal, size).unwrap();
        self.signal(Signal::WINCH);
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether the terminal reads lines, as it does for a shell.
    pub(super) fn is_as_before(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits for the end, and until all is seen that was printed.
    #[track_caller]
    pub(super) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "it does not end; it showed:\n{}", self.seen());
        // What it wrote is there for whoever reads the other end; this comes behind it.
        self.terminal.write_all(END.as_bytes()).unwrap();
        assert!(eventually(|| self.seen().contains(END)));
        let mut seen = self.seen.lock().unwrap();
        let rest = seen.len() - END.len();
        seen.truncate(rest);
        status.unwrap()
    }
}

const END: &str = "[the end of what was printed]";

impl Drop for AtTerminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
