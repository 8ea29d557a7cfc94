//! libFuzzer over the target `grant`; see `tests/fuzz/src/grant.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("grant").feed)(bytes));
