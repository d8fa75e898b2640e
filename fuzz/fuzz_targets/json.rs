#![no_main]

#[path = "../parsers.rs"]
#[allow(dead_code, reason = "each target drives one of the parsers")]
mod parsers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| parsers::json(data));
