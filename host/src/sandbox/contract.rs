//! What a plugin promises: which of its exports the host calls.

use std::fmt;

/// Which of a plugin's exports the host calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contract {
    /// `run` of world `sandclock:task/task`.
    Task,
    /// `wasi:cli/run` of WASI 0.2: a plain program.
    Command02,
    /// `wasi:cli/run` of WASI 0.3: a plain program.
    Command03,
}

impl Contract {
    /// What a usable plugin exports, for messages.
    pub const EXPECTED: &'static str =
        "`run` of the world sandclock:task/task, or wasi:cli/run of WASI 0.2 or 0.3 (a plain program)";

    /// The contract that a component with these exports keeps; the typed one, if it has several.
    pub fn of_exports<'a>(exports: impl IntoIterator<Item = &'a str> + Clone) -> Option<Self> {
        let exports_one = |known: fn(&str) -> bool| exports.clone().into_iter().any(known);
        if exports_one(|name| name == "run") {
            Some(Self::Task)
        } else if exports_one(|name| name.starts_with("wasi:cli/run@0.2.")) {
            Some(Self::Command02)
        } else if exports_one(|name| name.starts_with("wasi:cli/run@0.3.")) {
            Some(Self::Command03)
        } else {
            None
        }
    }

    /// The word for it in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Contract::Task => "typed task",
            Contract::Command02 => "plain program (WASI 0.2)",
            Contract::Command03 => "plain program (WASI 0.3)",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
