//! The `sandclock` program.

fn main() {}
