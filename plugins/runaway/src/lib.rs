//! Never ends: for demonstration, to show a limit stopping a task while the others go on.

#![forbid(unsafe_code)]

use std::hint::black_box;

use sandclock::{Failure, Run, warn};

#[sandclock::task]
fn run(run: Run) -> Result<(), Failure> {
    warn!(attempt = run.attempt(), "going round and round until the host stops me");
    let mut turns: u64 = 0;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}
