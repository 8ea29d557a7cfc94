//! libFuzzer over the target `cron`; see `tests/fuzz/src/cron.rs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (sandclock_fuzz::target("cron").feed)(bytes));
