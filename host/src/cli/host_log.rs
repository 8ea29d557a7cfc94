//! Where the log of `sandclock serve` goes: to the terminal, below bars for what is compiled, or to files.

use std::io::IsTerminal;

use anyhow::Context;

use super::progress::Bars;
use super::terminal;
use crate::clock::Clock;
use crate::observe;

/// Has the host's log go where the configuration says. Returns bars for a terminal, if it goes to one.
pub(super) fn begin(
    settings: observe::Settings,
    file: Option<observe::LogFileSettings>,
    clock: Clock,
) -> anyhow::Result<Option<Bars>> {
    if let Some(file) = file {
        let settings = observe::Settings { coloured: false, ..settings };
        let path = file.path.display().to_string();
        let file = observe::LogFile::open(file).with_context(|| format!("open {path} (host.log.file)"))?;
        terminal::remark(format!("the log goes to {path}"));
        observe::init(&settings, clock, move || file.clone())?;
        return Ok(None);
    }
    let bars = std::io::stderr().is_terminal().then(Bars::new);
    match bars.clone() {
        Some(bars) => observe::init(&settings, clock, move || bars.clone())?,
        None => observe::init(&settings, clock, std::io::stderr)?,
    }
    Ok(bars)
}
