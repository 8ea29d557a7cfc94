//! What reaches the terminal: results on stdout, everything else on stderr, colours only where a person looks.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::panic::PanicHookInfo;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use crate::model::text::{inert_excerpt, inert_json};

/// When to colour what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that can, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Makes it so for the whole program.
    pub fn apply(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// The style of the word "error".
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Whether what goes to stderr is coloured.
pub fn colours_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a result. Escape sequences in it are dropped where stdout takes none.
///
/// # Errors
///
/// If stdout does not take it, say because a disk is full. A reader that has read enough (`| head -1`) is no error.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    written(write!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// Prints a result and ends the line.
///
/// # Errors
///
/// As [`print()`].
pub fn print_line(text: impl Display) -> anyhow::Result<()> {
    print(format_args!("{text}\n"))
}

/// Prints a value as indented JSON. Texts in it parse to what they are, and cannot act on a terminal until then.
///
/// # Errors
///
/// As [`print()`].
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    // By way of a value, so that keys are in the order of the alphabet.
    let value = serde_json::to_value(value)?;
    print(format_args!("{}\n", inert_json(&format!("{value:#}"))))
}

/// Prints bytes as they are.
///
/// # Errors
///
/// As [`print()`].
pub fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a remark for the person at the terminal; it is not part of the result.
pub fn remark(text: impl Display) {
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Tells a person at a terminal where to look next; a program that reads stderr is not bothered with it.
pub fn hint(text: impl Display) {
    if io::stderr().is_terminal() {
        remark(text);
    }
}

/// Tells of a panic on one line: in the host's log, or on stderr where there is none. Its message may quote what a guest
/// has said.
pub fn panicked(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("without a message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed").to_owned();
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, thread, "the host panicked: {said}");
    } else {
        remark(format_args!("{ERROR}error:{ERROR:#} the host panicked at {place}: {}", inert_excerpt(said)));
    }
    // As `RUST_BACKTRACE` asks for it. Its names are those of our own functions.
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        remark(backtrace);
    }
}

/// Prints an error with its causes, each once. They may name what a plugin's author has named, so they are made inert.
pub fn error(error: &anyhow::Error) {
    remark(format_args!("{ERROR}error:{ERROR:#} {}", inert_excerpt(&error.to_string())));
    for cause in error.chain().skip(1) {
        remark(format_args!("  because: {}", inert_excerpt(&cause.to_string())));
    }
}
