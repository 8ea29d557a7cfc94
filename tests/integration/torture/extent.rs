//! How much a test of chance does, and from which seed: little among all tests, much under `cargo xtask torture`.

use std::sync::OnceLock;

/// `long` under `cargo xtask torture`, otherwise `short`.
pub(crate) fn extent<T>(short: T, long: T) -> T {
    if std::env::var_os("SANDCLOCK_TORTURE").is_some() { long } else { short }
}

/// What chance begins with: another number each time, unless `SANDCLOCK_SEED` repeats one. Whoever uses it says it
/// when something fails.
pub(crate) fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| match std::env::var("SANDCLOCK_SEED") {
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("SANDCLOCK_SEED={seed} is not a number")),
        Err(_) => fastrand::u64(..1_000_000),
    })
}
