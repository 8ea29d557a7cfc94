//! libFuzzer over the target `config`; see `tests/fuzz/src/config.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("config").feed)(bytes));
