//! Runs the target that the environment variable `CHUKEI_FUZZ_TARGET` names under libFuzzer.

#![no_main]

use std::sync::OnceLock;

use chukei_fuzz::{PLANTED, TARGETS, Target, is_xml, mutate};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fn target() -> &'static Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("CHUKEI_FUZZ_TARGET").unwrap_or_default();
        let known = TARGETS.iter().chain([&PLANTED]).find(|target| target.name == name);
        *known.unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("CHUKEI_FUZZ_TARGET names one of {}", names.join(" "));
            std::process::exit(2)
        })
    })
}

fuzz_target!(|data: &[u8]| (target().run)(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    // Half of the mutations know nothing of XML, so that nothing is out of reach.
    if is_xml(target())
        && seed.is_multiple_of(2)
        && let Some(changed) = mutate::xml(&data[..size], u64::from(seed / 2), max_size)
    {
        data[..changed.len()].copy_from_slice(&changed);
        return changed.len();
    }
    fuzzer_mutate(data, size, max_size)
});
