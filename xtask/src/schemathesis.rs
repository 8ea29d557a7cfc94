//! The API against its OpenAPI document, by schemathesis: it comes from PyPI, into a folder of this repository alone.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::project::{cargo, target};

const VERSION: &str = "4.32.5";

/// Runs the test that needs it.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut test = cargo();
    test.args(["test", "--workspace", "--test", "integration", "--", "--ignored", "--exact"]);
    test.arg("api::schemathesis::the_api_is_as_its_document_says").env("SCHEMATHESIS", program()?);
    command::run("holding the API against its OpenAPI document, by requests that schemathesis makes up", &mut test)
}

/// Where the program is; it is installed first, if need be.
fn program() -> anyhow::Result<PathBuf> {
    let folder = target().join("tools/schemathesis");
    let program = folder.join("bin/schemathesis");
    let fits = |found: String| found.contains(VERSION);
    if command::output(Command::new(&program).arg("--version")).is_ok_and(fits) {
        return Ok(program);
    }
    let mut python = Command::new("python3");
    command::run(
        "making a Python environment in target/tools (once)",
        python.args(["-m", "venv", "--clear"]).arg(&folder),
    )?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("schemathesis=={VERSION}")]);
    command::run(&format!("installing schemathesis {VERSION} from PyPI into it (once)"), &mut pip)?;
    Ok(program)
}
