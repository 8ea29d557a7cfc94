//! By how much a task's slots are put off, so that tasks with the same expression do not all start at once.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::model::id::TaskName;

/// The part of `splay` that falls to a task, in milliseconds.
///
/// It is the first eight bytes of the SHA-256 of the task's name, as a big-endian number, modulo the splay: the same on
/// every host and in every version, for a slot must not move when the host is restarted.
pub(super) fn part(splay: Duration, task: &TaskName) -> i64 {
    let splay = i64::try_from(splay.as_millis()).unwrap_or(i64::MAX).unsigned_abs();
    let digest = Sha256::digest(task.as_str());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number.checked_rem(splay).map_or(0, u64::cast_signed)
}
