//! Bars on a terminal while plugins compile, and the log above them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::model::id::PluginName;
use crate::model::quantity::duration;
use crate::plugins::{Progress, Stage};

/// A bar for each plugin that is being compiled. Written to, it puts lines above the bars. Clones share the bars.
#[derive(Debug, Clone)]
pub(super) struct Bars(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    screen: MultiProgress,
    bars: Mutex<HashMap<PluginName, ProgressBar>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shown { screen: MultiProgress::new(), bars: Mutex::default() }))
    }
}

impl Progress for Bars {
    fn report(&self, plugin: &PluginName, stage: &Stage) {
        let mut bars = self.0.bars.lock().unwrap_or_else(PoisonError::into_inner);
        match stage {
            Stage::Compiling => {
                // The template is a constant, and it is well-formed.
                let style = ProgressStyle::with_template("{spinner} compiling {msg} {elapsed}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner());
                let bar =
                    self.0.screen.add(ProgressBar::new_spinner().with_style(style).with_message(plugin.to_string()));
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.insert(plugin.clone(), bar);
            }
            Stage::Ready { took } => {
                if let Some(bar) = bars.remove(plugin) {
                    bar.finish_and_clear();
                    tracing::info!(%plugin, took = %duration(*took), "plugin compiled; it is kept for the next time");
                }
            }
            Stage::Unusable => {
                if let Some(bar) = bars.remove(plugin) {
                    bar.finish_and_clear();
                }
            }
            Stage::Found { .. } | Stage::Cached => {}
        }
    }
}

impl Write for Bars {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.screen.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
