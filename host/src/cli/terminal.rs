//! What reaches the terminal: results on stdout, everything else on stderr, colours only where a person looks.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
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

/// Prints a result. Escape sequences in it are dropped where stdout takes none.
pub fn print(text: impl Display) {
    anstream::print!("{text}");
}

/// Prints a result and ends the line.
pub fn print_line(text: impl Display) {
    anstream::println!("{text}");
}

/// Prints a value as indented JSON.
pub fn print_json(value: &serde_json::Value) {
    anstream::println!("{value:#}");
}

/// Prints a remark for the person at the terminal; it is not part of the result.
pub fn remark(text: impl Display) {
    anstream::eprintln!("{text}");
}

/// Prints an error with its causes, each once. They may name what a plugin's author has named, so they are made inert.
pub fn error(error: &anyhow::Error) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {}", inert(&error.to_string()));
    for cause in error.chain().skip(1) {
        anstream::eprintln!("  because: {}", inert(&cause.to_string()));
    }
}
