//! `sandclock init`: a first configuration and a first plugin, to start from.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::{Exit, terminal};
use crate::model::text::inert;

/// Write a sandclock.toml and a first plugin.
///
/// Files that are there already are never changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandclock init\n  sandclock init demo && cd demo && sandclock serve")]
pub(super) struct Arguments {
    /// The folder to write them into; made if it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What is written, and where.
const FILES: [(&str, &str); 2] =
    [("sandclock.toml", include_str!("init/sandclock.toml")), ("plugins/hello.wat", include_str!("init/hello.wat"))];

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let folder = &arguments.folder;
    for name in write(folder)? {
        terminal::print_line(format_args!("wrote {}", inert(&shown(folder, name).display().to_string())))?;
    }
    let go_there = match folder.display().to_string() {
        here if here == "." => String::new(),
        folder => format!("  cd {}\n", inert(&folder)),
    };
    terminal::remark(format!(
        "\nNow:\n{go_there}  sandclock check        what the configuration means\n  sandclock run hello    one run of the task `hello`, now\n  sandclock serve        every task when it is due, until Ctrl-C"
    ));
    Ok(Exit::Done)
}

/// Writes all of the files or, if one of them is there already, none.
fn write(folder: &Path) -> anyhow::Result<Vec<&'static str>> {
    if let Some((name, _)) = FILES.iter().find(|(name, _)| folder.join(name).symlink_metadata().is_ok()) {
        anyhow::bail!("{} is there already; nothing was written", shown(folder, name).display());
    }
    for (name, text) in FILES {
        let path = folder.join(name);
        create(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(FILES.iter().map(|(name, _)| *name).collect())
}

/// A file's path as people write it: without the dot of the folder they are in.
fn shown(folder: &Path, name: &str) -> PathBuf {
    folder.strip_prefix(".").unwrap_or(folder).join(name)
}

/// Writes a new file, never over one that came to be in the meantime.
fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Surroundings, load};

    #[test]
    fn what_is_written_is_a_sound_configuration_with_a_sound_plugin() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/demo");
        write(&target).unwrap();
        let loaded = load(&target.join("sandclock.toml"), &Surroundings::of_process(jiff::Timestamp::UNIX_EPOCH));
        let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
        assert_eq!(loaded.config.tasks.len(), 1);
        wat::parse_file(target.join("plugins/hello.wat")).unwrap();
    }

    #[test]
    fn the_examples_in_comments_are_sound_too() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        fs::copy(folder.path().join("plugins/hello.wat"), folder.path().join("plugins/report.wat")).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let file = folder.path().join("sandclock.toml");
        let is_toml = |line: &str| line.contains(" = ") || line.starts_with('[');
        let uncomment = |line: &str| match line.strip_prefix("# ").filter(|line| is_toml(line)) {
            Some(line) => line.to_owned(),
            None => line.to_owned(),
        };
        let text: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(uncomment).collect();
        fs::write(&file, text.join("\n")).unwrap();
        let mut around = Surroundings::of_process(jiff::Timestamp::UNIX_EPOCH);
        around.env.insert("REPORT_TOKEN".to_owned(), "x".to_owned());
        let loaded = load(&file, &around).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.config.tasks.len(), 2);
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        for (name, _) in FILES {
            let folder = tempfile::tempdir().unwrap();
            let mine = folder.path().join(name);
            create(&mine, "mine").unwrap();
            let error = write(folder.path()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
            let others = FILES.iter().filter(|(other, _)| *other != name);
            for (other, _) in others {
                assert!(!folder.path().join(other).exists(), "{other} was written");
            }
        }
    }
}
