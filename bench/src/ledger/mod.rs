//! What the ledger costs: one who waits for an entry, many who fill it, and a host that comes back to it.

mod recovery;
pub(crate) mod sample;
mod saturated;
mod waited;

use crate::host::Ground;
use crate::rounds::Answer;

pub(crate) use recovery::measure as recovery;

/// One entry waited for, and as many as it can take.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    Ok(vec![waited::measure(ground, rounds)?, saturated::measure(ground, rounds)?])
}
