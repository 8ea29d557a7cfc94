//! What 100,000 tasks cost a host that has nothing to do: reading them, remembering them, waiting for them.

mod idle;
mod parse;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::host::Ground;

pub(crate) use idle::measure as idle;
pub(crate) use parse::measure as parse;

/// How many there are.
const TASKS: usize = 100_000;

/// A configuration of so many tasks, each due at another minute of the next 29th of February.
fn text(tasks: usize) -> String {
    let mut text = "[host]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for number in 0..tasks {
        let (minute, hour) = (number % 60, number / 60 % 24);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n[tasks.task-{number}]\nplugin = \"hello\"\nschedule = \"{minute} {hour} 29 2 *\"\n");
    }
    text
}

/// The same as a file, with the plugin beside it.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new(ground: &Ground, text: &str) -> anyhow::Result<Self> {
        let folder = ground.scratch()?;
        fs::create_dir(folder.path().join("plugins"))?;
        fs::copy(ground.sample(), folder.path().join("plugins/hello.wasm"))?;
        fs::write(folder.path().join("sandclock.toml"), text)?;
        Ok(Self { folder })
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("sandclock.toml")
    }
}
