//! What fuzzers feed to sandclock: one function for each target, which panics where a promise is broken.
//!
//! Two drive them: libFuzzer (`cargo xtask fuzz`, in `libfuzzer/`), for as long as one likes, and a test that runs
//! each over its seeds, over what was once found, and over some thousand mutations of both.

mod attempt;
mod config;
mod cron;
mod egress;
mod grant;
mod module;
mod program;
mod world;

/// A target: any bytes may be fed to it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub feed: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "config", feed: config::feed },
    Target { name: "cron", feed: cron::feed },
    Target { name: "egress", feed: egress::feed },
    Target { name: "grant", feed: grant::feed },
    Target { name: "module", feed: module::feed },
    Target { name: "program", feed: program::feed },
    Target { name: "world", feed: world::feed },
];

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

/// The bytes as text, up to where they stop being some.
fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}
