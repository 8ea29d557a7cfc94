//! libFuzzer over the target `program`; see `tests/fuzz/src/program.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("program").feed)(bytes));
