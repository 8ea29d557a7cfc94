//! Which kept files have to go when they take more of the disk than they may. Decides, and touches none.

use std::path::PathBuf;

/// Files that are kept, and are of use only together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub files: Vec<PathBuf>,
    /// What they take together.
    pub bytes: u64,
    /// When they were last of use: seconds and nanoseconds.
    pub used: (i64, i64),
    /// Whether a task needs them.
    pub needed: bool,
}

/// What has to go for the rest to fit: what was used least recently, and nothing that is needed.
pub(super) fn superfluous(mut kept: Vec<Kept>, room: u64) -> Vec<Kept> {
    let mut taken: u64 = kept.iter().map(|kept| kept.bytes).sum();
    kept.retain(|kept| !kept.needed);
    kept.sort_by(|a, b| (a.used, &a.files).cmp(&(b.used, &b.files)));
    let fits = |kept: &Kept| {
        let fits = taken <= room;
        taken = taken.saturating_sub(kept.bytes);
        fits
    };
    let gone = kept.iter().position(fits).unwrap_or(kept.len());
    kept.truncate(gone);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_what_is_needed_stays() {
        let check = |room: u64, kept: &[(&str, u64, i64, bool)], expected: &[&str]| {
            let of = |&(name, bytes, used, needed): &(&str, u64, i64, bool)| Kept {
                files: vec![name.into()],
                bytes,
                used: (used, 0),
                needed,
            };
            let gone = superfluous(kept.iter().map(of).collect(), room);
            let gone: Vec<_> = gone.iter().map(|gone| gone.files[0].to_str().unwrap()).collect();
            assert_eq!(gone, expected, "{kept:?} in {room}");
        };
        check(10, &[], &[]);
        check(10, &[("a", 4, 1, false), ("b", 6, 2, false)], &[]);
        check(9, &[("a", 4, 1, false), ("b", 6, 2, false)], &["a"]);
        check(9, &[("b", 6, 2, false), ("a", 4, 1, false)], &["a"]);
        check(5, &[("a", 4, 1, false), ("b", 6, 2, false)], &["a", "b"]);
        check(9, &[("a", 4, 1, true), ("b", 6, 2, false)], &["b"]);
        check(3, &[("a", 4, 1, true), ("b", 6, 2, true)], &[]);
        check(0, &[("a", 4, 7, false), ("b", 6, 7, true), ("c", 1, 7, false)], &["a", "c"]);
        check(u64::MAX, &[("a", 4, 1, false)], &[]);
        // Small ones that were used later stay, even where one of them alone would have been enough.
        check(12, &[("a", 1, 1, false), ("b", 10, 2, false), ("c", 5, 3, false)], &["a", "b"]);
    }
}
