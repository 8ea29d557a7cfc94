//! libFuzzer over the target `module`; see `tests/fuzz/src/module.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("module").feed)(bytes));
