//! Who gets in, and who does not: the real binary, asked by those who should not be answered.

mod browsers;
mod client;
mod exposure;
mod hooks;
mod secrets;
mod tls;
mod tokens;

use crate::project::Project;

/// A task that succeeds at once, and two others.
const TASKS: &str = "[tasks.tick]\nschedule = { every = \"1h\" }\n\n[tasks.report-eu]\nplugin = \"tick\"\n\n\
    [tasks.report-us]\nplugin = \"tick\"\n";

/// Makes a token and returns it.
#[track_caller]
fn create(project: &Project, arguments: &[&str]) -> String {
    let arguments: Vec<&str> = ["token", "create"].into_iter().chain(arguments.iter().copied()).collect();
    let made = project.run(&arguments);
    assert!(made.status.success(), "{made:?}");
    let token = made.stdout.trim().to_owned();
    assert!(token.starts_with("sclk_") && !made.stderr.contains(&token), "{made:?}");
    token
}
