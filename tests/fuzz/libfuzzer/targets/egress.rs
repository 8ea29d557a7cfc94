//! libFuzzer over the target `egress`; see `tests/fuzz/src/egress.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("egress").feed)(bytes));
