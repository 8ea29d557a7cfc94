//! The plugins that tasks use, as they were when their files were last looked at: finds those that hold something else.
//!
//! Contents are compared, by their digest: that a file was touched, copied onto itself or put behind another link is
//! nothing new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::daemon::firing::{PluginChange, chain};
use crate::model::id::{Digest, PluginName};
use crate::model::task::Build;
use crate::plugins::{Mark, Plugin, Plugins, Progress, Unusable};

/// The plugins.
pub(super) struct Stock {
    pub(super) plugins: Plugins,
    progress: Arc<dyn Progress>,
    known: BTreeMap<Build, Known>,
}

/// A plugin as it was when its file was last looked at.
#[derive(Debug)]
struct Known {
    mark: Mark,
    /// The content that is used; none if none could be.
    digest: Option<Digest>,
    /// Why its file cannot be used, if it cannot.
    trouble: Option<String>,
}

/// Which files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Those that look as if they were touched.
    Touched,
    /// All.
    Thorough,
}

/// A file that was looked at.
pub(super) struct Seen {
    build: Build,
    mark: Mark,
    /// None if it holds what it did.
    result: Result<Option<Plugin>, Unusable>,
}

/// What a look came to.
#[derive(Default)]
pub(super) struct News {
    /// For the firing loop.
    pub(super) changes: Vec<PluginChange>,
    /// Plugins whose file holds again what was used all along.
    pub(super) recovered: BTreeSet<PluginName>,
}

impl Seen {
    /// Why the plugin cannot be used, if it cannot.
    pub(super) fn trouble(&self) -> Option<String> {
        self.result.as_ref().err().map(|unusable| chain(unusable))
    }

    /// Whether it holds another content, or one where there was none.
    pub(super) fn is_other(&self) -> bool {
        matches!(self.result, Ok(Some(_)))
    }

    pub(super) fn build(&self) -> &Build {
        &self.build
    }
}

impl Stock {
    pub(super) fn new(plugins: Plugins, progress: Arc<dyn Progress>) -> Self {
        Self { plugins, progress, known: BTreeMap::new() }
    }

    /// Takes in what was prepared at the start; none if a reload has come before it. `mark` is from before it was read.
    pub(super) fn first(&mut self, mark: Mark, change: PluginChange) -> Option<PluginChange> {
        let PluginChange { build, result } = change;
        if self.known.contains_key(&build) {
            return None;
        }
        let (digest, trouble) = match &result {
            Ok(plugin) => (Some(plugin.digest), None),
            Err(unusable) => (None, Some(chain(unusable))),
        };
        self.known.insert(build.clone(), Known { mark, digest, trouble });
        Some(PluginChange { build, result })
    }

    /// Those of these plugins that seem to have been touched since they were looked at.
    pub(super) fn touched(&self, builds: &BTreeSet<Build>) -> BTreeSet<Build> {
        let is_touched = |build: &&Build| {
            let mark = self.plugins.mark(&build.plugin);
            self.known.get(build).is_some_and(|known| known.mark != mark)
        };
        builds.iter().filter(is_touched).cloned().collect()
    }

    /// Looks at plugins, and compiles what holds another content. Takes no note of it yet.
    pub(super) async fn look(&self, builds: &BTreeSet<Build>, look: Look) -> Vec<Seen> {
        let builds = match look {
            Look::Touched => self.touched(builds),
            Look::Thorough => builds.clone(),
        };
        let looking = builds.into_iter().map(|build| async move {
            // Before it is read: what is written meanwhile is seen by the next look.
            let mark = self.plugins.mark(&build.plugin);
            let known = self.known.get(&build).and_then(|known| known.digest);
            let result = self.plugins.prepare_other(&build, known, &*self.progress).await;
            Seen { build, mark, result }
        });
        let mut seen: Vec<Seen> = looking.collect::<FuturesUnordered<_>>().collect().await;
        seen.sort_unstable_by(|a, b| a.build.cmp(&b.build));
        seen
    }

    /// Takes note of what was seen. The same trouble is told once.
    pub(super) fn take(&mut self, seen: Vec<Seen>) -> News {
        let mut news = News::default();
        for Seen { build, mark, result } in seen {
            let before = self.known.remove(&build);
            let (digest, told) = before.map_or((None, None), |known| (known.digest, known.trouble));
            let (digest, trouble, change) = match result {
                Ok(None) => {
                    news.recovered.extend(told.is_some().then(|| build.plugin.clone()));
                    (digest, None, None)
                }
                Ok(Some(plugin)) => (Some(plugin.digest), None, Some(Ok(plugin))),
                Err(unusable) => {
                    let trouble = chain(&unusable);
                    let is_new = told.as_ref() != Some(&trouble);
                    (digest, Some(trouble), is_new.then_some(Err(unusable)))
                }
            };
            news.changes.extend(change.map(|result| PluginChange { build: build.clone(), result }));
            self.known.insert(build, Known { mark, digest, trouble });
        }
        news
    }

    /// Forgets plugins that no task uses any more.
    pub(super) fn keep_only(&mut self, builds: &BTreeSet<Build>) {
        self.known.retain(|build, _| builds.contains(build));
    }

    /// Whether a plugin has been looked at: not while it is prepared at the start.
    pub(super) fn knows(&self, build: &Build) -> bool {
        self.known.contains_key(build)
    }

    /// Forgets what was seen of a plugin, so that the next look finds it as if it was new.
    pub(super) fn forget(&mut self, build: &Build) {
        self.known.remove(build);
    }

    /// The plugins whose file cannot be used while the code that was loaded before is, and why not.
    pub(super) fn kept(&self) -> BTreeMap<PluginName, String> {
        let kept = self.known.iter().filter(|(_, known)| known.digest.is_some());
        kept.filter_map(|(build, known)| Some((build.plugin.clone(), known.trouble.clone()?))).collect()
    }
}
