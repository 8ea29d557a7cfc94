//! What happens when a run of a task is due while an earlier one is still going.

/// What happens to a new run of a task that already has as many as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// The new run is entered as skipped.
    #[default]
    Skip,
    /// The new run waits for its turn, in order.
    Queue,
    /// The oldest running one is cancelled and the new one takes its place.
    Replace,
    /// Both run; only the host's own limit on concurrent runs applies.
    Allow,
}

impl Overlap {
    /// Every policy, in the order in which the documentation explains them.
    pub const ALL: [Overlap; 4] = [Overlap::Skip, Overlap::Queue, Overlap::Replace, Overlap::Allow];

    /// The word for it in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Overlap::Skip => "skip",
            Overlap::Queue => "queue",
            Overlap::Replace => "replace",
            Overlap::Allow => "allow",
        }
    }
}
