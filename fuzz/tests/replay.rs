//! Every target on every seed and every finding, without libFuzzer and without instrumentation.

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use chukei_fuzz::{PLANTED, TARGETS};

fn files(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut rest) = (Vec::new(), vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)]);
    while let Some(folder) = rest.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of this package") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { rest.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// One test, so that nothing else allocates while memory is counted.
#[test]
fn every_target_accepts_every_seed_and_finding() {
    let (seeds, findings) = (files("seeds"), files("findings"));
    assert!(seeds.len() >= 60, "{} seeds", seeds.len());
    for target in TARGETS {
        assert!(seeds.iter().any(|seed| seed.parent().is_some_and(|folder| folder.ends_with(target.input))));
    }
    let mut failures = Vec::new();
    for file in seeds.iter().chain(&findings).filter(|file| !file.ends_with("README.md")) {
        let octets = fs::read(file).expect("a file of this package");
        for target in TARGETS {
            if catch_unwind(|| (target.run)(&octets)).is_err() {
                failures.push(format!("{} on {}", target.name, file.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    println!("{} targets on {} seeds and {} findings", TARGETS.len(), seeds.len(), findings.len());

    // A target that fails does fail here.
    assert!(catch_unwind(|| (PLANTED.run)(b"plant")).is_ok());
    assert!(catch_unwind(|| (PLANTED.run)(b"planta")).is_err());
}
