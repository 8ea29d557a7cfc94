//! Programs of others that come from PyPI, into a folder of this repository alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Finished;

/// A Python environment in a folder of `target`, into which packages were installed; made once for all tests of a build.
#[track_caller]
pub(crate) fn environment(name: &str, packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(name);
    let (python, complete) = (folder.join("bin/python"), folder.join("complete"));
    // Said after the last step, so that one who is interrupted begins anew.
    if std::fs::read_to_string(&complete).is_ok_and(|said| said == packages.join(" ")) {
        return folder;
    }
    let made = Finished::of(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    assert!(made.status.success(), "these tests need python3 with venv: {made:?}");
    let mut pip = Command::new(&python);
    let got = Finished::of(pip.args(["-m", "pip", "install", "--quiet"]).args(packages).current_dir(&folder));
    assert!(got.status.success(), "these tests need {packages:?} from PyPI: {got:?}");
    std::fs::write(complete, packages.join(" ")).unwrap();
    folder
}
