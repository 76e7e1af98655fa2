#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| s3fs::fuzzing::retry_after(data));
