//! The limits that can end an attempt, by name.

use std::fmt;

/// Which limit stopped a guest. (The limits that are missing here refuse or cut off a single act.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// [`Limits::timeout`](super::Limits::timeout), counted in milliseconds.
    Timeout,
    /// [`Limits::fuel`](super::Limits::fuel).
    Fuel,
    /// [`Limits::memory`](super::Limits::memory).
    Memory,
    /// [`Limits::table_elements`](super::Limits::table_elements).
    TableElements,
    /// [`Limits::instances`](super::Limits::instances).
    Instances,
    /// [`Limits::handles`](super::Limits::handles).
    Handles,
    /// [`Limits::resources`](super::Limits::resources).
    Resources,
    /// [`Limits::hostcall`](super::Limits::hostcall).
    Hostcall,
    /// [`Limits::random`](super::Limits::random).
    Random,
    /// [`Limits::output`](super::Limits::output).
    Output,
}

impl Limit {
    /// Every limit that can end an attempt.
    pub const ALL: [Limit; 10] = [
        Limit::Timeout,
        Limit::Fuel,
        Limit::Memory,
        Limit::TableElements,
        Limit::Instances,
        Limit::Handles,
        Limit::Resources,
        Limit::Hostcall,
        Limit::Random,
        Limit::Output,
    ];

    /// The key of the limit in the configuration, and the word for it everywhere else.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Timeout => "timeout",
            Limit::Fuel => "fuel",
            Limit::Memory => "memory",
            Limit::TableElements => "table-elements",
            Limit::Instances => "instances",
            Limit::Handles => "handles",
            Limit::Resources => "resources",
            Limit::Hostcall => "hostcall",
            Limit::Random => "random",
            Limit::Output => "output",
        }
    }

    /// What the limit counts.
    pub fn unit(self) -> Unit {
        match self {
            Limit::Timeout => Unit::Milliseconds,
            Limit::Fuel | Limit::TableElements | Limit::Instances | Limit::Handles | Limit::Resources => Unit::Count,
            Limit::Memory | Limit::Hostcall | Limit::Random | Limit::Output => Unit::Bytes,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a limit counts, and so how its figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as `64MiB`.
    Bytes,
    /// A plain number, shown as `10G`.
    Count,
    /// Milliseconds, shown as `1m 30s`.
    Milliseconds,
}
