#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sonar_azdo_fuzz::archives(bytes));
