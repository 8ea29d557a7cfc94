//! What reaches the terminal: results on stdout, everything else on stderr, colours only where a person looks.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;

use crate::model::text::inert;

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

/// Prints a value as indented JSON.
///
/// # Errors
///
/// As [`print()`].
pub fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(format_args!("{value:#}\n"))
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

/// Prints an error with its causes, each once. They may name what a plugin's author has named, so they are made inert.
pub fn error(error: &anyhow::Error) {
    remark(format_args!("{ERROR}error:{ERROR:#} {}", inert(&error.to_string())));
    for cause in error.chain().skip(1) {
        remark(format_args!("  because: {}", inert(&cause.to_string())));
    }
}
