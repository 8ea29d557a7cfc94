//! Each target over its seeds, over what fuzzers once found, and over some hundred mutations of both.

use std::fs;
use std::path::Path;

use sandclock_fuzz::{TARGETS, Target};

/// Mutations of one input.
const MUTATIONS: usize = 100;
/// As many bytes are changed at the most.
const CHANGES: usize = 6;

#[test]
fn no_target_breaks_a_promise() {
    for target in TARGETS {
        let seeds = inputs(target, "seeds");
        assert!(!seeds.is_empty(), "no seeds for {}", target.name);
        let mut random = fastrand::Rng::with_seed(7);
        for input in seeds.iter().chain(&inputs(target, "findings")) {
            (target.feed)(input);
            for _ in 0..MUTATIONS {
                (target.feed)(&mutated(input, &mut random));
            }
        }
    }
}

/// The files of a target, in order, so that every run is the same.
fn inputs(target: &Target, folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target.name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file of the folder")).collect()
}

/// Some bytes changed, doubled or left out.
fn mutated(input: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.usize(1..=CHANGES) {
        let at = random.usize(0..=bytes.len());
        match random.u8(..4) {
            0 => bytes.insert(at, random.u8(..)),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.splice(at..at, input[random.usize(0..=input.len())..].to_vec()).for_each(drop),
            _ if at < bytes.len() => bytes[at] = random.u8(..),
            _ => {}
        }
        bytes.truncate(4096);
    }
    bytes
}
