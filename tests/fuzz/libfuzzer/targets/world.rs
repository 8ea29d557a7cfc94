//! libFuzzer over the target `world`; see `tests/fuzz/src/world.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("world").feed)(bytes));
