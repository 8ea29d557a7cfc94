//! Plugins: from a file in the folder to code that can be run.
//!
//! A file is read once it is whole, hashed, copied under its hash, adapted and compiled in a child process, and the
//! result is kept, sealed, for the next time. Knows nothing of tasks: which of them use a plugin, and what becomes of
//! them when it is unusable, is for the daemon to say.

mod file;
mod folder;
mod known;
mod recognise;
mod settle;
mod stamp;

mod making;

mod adapt;
mod child;
mod compile;
mod exit_code;
mod running;

mod cache;
mod private;
mod room;
mod seal;
mod store;

mod describe;
mod progress;
mod unusable;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream::{self, FuturesUnordered, Stream};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::model::id::{Digest, PluginName};
use crate::model::task::Build;
use crate::sandbox::{Prepared, Profile, Sandbox, engine_key};

use cache::{Cache, EngineKey};
use compile::Compiler;
use folder::Folder;
use known::Known;
use seal::SealKey;
use store::Store;

pub use adapt::Form;
pub use child::compile_child;
pub use compile::{CompileFailure, CompileSettings};
pub use describe::{DescribeError, Description, Sizes, describe, describe_file};
pub use file::FileError;
pub use folder::{Listing, Stray};
pub use private::StateError;
pub use stamp::Mark;
pub(crate) use store::digest;

pub use progress::{Logged, Progress, Quiet, Stage};
pub use unusable::Unusable;

/// Where plugins are, and how they are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder that people put plugins into.
    pub folder: PathBuf,
    /// The host's own folder, for copies and compiled code.
    pub state: PathBuf,
    /// How they are compiled.
    pub compile: CompileSettings,
}

/// A plugin that can be run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Its name, and how it was compiled.
    pub build: Build,
    /// The bytes of its file.
    pub digest: Digest,
    /// Its code.
    pub prepared: Prepared,
}

/// The plugins of a folder. Cheap to clone.
#[derive(Clone)]
pub struct Plugins(Arc<Inner>);

struct Inner {
    folder: Folder,
    known: Known,
    store: Store,
    cache: Cache,
    compiler: Compiler,
    sandbox: Sandbox,
    clock: Clock,
    max_size: u64,
    /// How much of the disk the store and the cache may take together.
    kept: u64,
    /// The contents of the plugins that were asked for.
    needed: Mutex<BTreeMap<Build, Digest>>,
    /// How many files are in memory, read, verified or linked at once.
    readers: Semaphore,
}

/// The plugins cannot be worked with at all.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// No guest can be run on this machine.
    #[error("cannot set up the compiler for {0}: {1}")]
    Engine(Profile, String),
}

/// How many files are in memory, read, verified or linked at once.
const READERS: usize = 4;

impl Plugins {
    /// Makes the folders for copies and compiled code. The plugins folder itself need not be there yet.
    ///
    /// # Errors
    ///
    /// If the state folder cannot be used, or the engine cannot be set up.
    pub fn open(settings: Settings, sandbox: Sandbox, clock: Clock) -> Result<Self, PluginsError> {
        let Settings { folder, state, compile } = settings;
        let engines = Profile::ALL.into_iter().map(|profile| match engine_key(profile) {
            Ok(key) => Ok(EngineKey { profile, key }),
            Err(error) => Err(PluginsError::Engine(profile, format!("{error:#}"))),
        });
        let engines = engines.collect::<Result<_, _>>()?;
        private::folder(&state)?;
        let key = Arc::new(SealKey::open(&state.join("cache.key"))?);
        let now = clock.now();
        Ok(Self(Arc::new(Inner {
            folder: Folder::new(folder),
            known: Known::open(state.join("files"), Arc::clone(&key)),
            store: Store::open(state.join("plugins"), now)?,
            cache: Cache::open(state.join("cache"), key, engines, now)?,
            max_size: compile.max_size,
            kept: compile.kept,
            needed: Mutex::default(),
            compiler: Compiler::new(compile),
            sandbox,
            clock,
            readers: Semaphore::new(READERS),
        })))
    }

    /// Where they are run.
    pub fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    /// What is in the folder. Opens no file.
    ///
    /// # Errors
    ///
    /// If the folder cannot be listed.
    pub fn scan(&self) -> io::Result<Listing> {
        self.0.folder.list()
    }

    /// Prepares a plugin of the folder: waits until its file is whole, and compiles it if need be. Never blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// Says what was found, what was expected and what to do.
    pub async fn prepare(&self, build: &Build, progress: &dyn Progress) -> Result<Plugin, Unusable> {
        let making = async {
            let found = self.find(build, progress).await?;
            self.finish(build, progress, found).await
        };
        told(&build.plugin, progress, making.await)
    }

    /// The same, unless the file holds what is known already.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare).
    pub async fn prepare_other(
        &self,
        build: &Build,
        known: Option<Digest>,
        progress: &dyn Progress,
    ) -> Result<Option<Plugin>, Unusable> {
        let making = async {
            let found = self.find(build, progress).await?;
            if known == Some(found.digest) {
                return Ok(None);
            }
            self.finish(build, progress, found).await.map(Some)
        };
        told(&build.plugin, progress, making.await)
    }

    /// The files that a plugin has in the folder.
    pub fn files(&self, plugin: &PluginName) -> Vec<PathBuf> {
        self.0.folder.files_of(plugin).iter().map(|file| self.0.folder.path().join(file)).collect()
    }

    /// The folder that people put plugins into.
    pub fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// What changes when one of a plugin's files does, or comes, or goes. Opens no file.
    pub fn mark(&self, plugin: &PluginName) -> Mark {
        self.0.folder.mark(plugin)
    }

    /// The same of all plugins that the folder has; none if it cannot be listed.
    pub fn marks(&self) -> BTreeMap<PluginName, Mark> {
        let plugins = self.scan().map(|listing| listing.plugins).unwrap_or_default();
        plugins.into_keys().map(|plugin| (plugin.clone(), self.mark(&plugin))).collect()
    }

    /// Takes note that these plugins are asked for and no others, and makes room on the disk if need be.
    pub async fn need_only(&self, builds: &BTreeSet<Build>) {
        self.0.needed.lock().unwrap_or_else(PoisonError::into_inner).retain(|build, _| builds.contains(build));
        self.tidy().await;
    }

    /// Prepares a file that need not be in the folder, under a name of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare).
    pub async fn prepare_file(&self, build: &Build, path: &Path, progress: &dyn Progress) -> Result<Plugin, Unusable> {
        let (plugins, path) = (self.clone(), path.to_owned());
        let made = self.make(build, progress, move || file::read_file(&path, plugins.0.max_size)).await;
        self.tidy().await;
        told(&build.plugin, progress, made)
    }

    /// Prepares many plugins at once, and yields each as soon as it is done. What is compiled already never waits for
    /// what is not. When all are done, and it is known what is needed, room is made on the disk.
    pub fn prepare_all(
        &self,
        builds: Vec<Build>,
        progress: Arc<dyn Progress>,
    ) -> impl Stream<Item = (Build, Result<Plugin, Unusable>)> + Send + Unpin + 'static {
        let plugins = self.clone();
        let making = builds.into_iter().map(|build| {
            let (plugins, progress) = (self.clone(), Arc::clone(&progress));
            Box::pin(async move {
                let result = plugins.prepare(&build, &*progress).await;
                (build, result)
            })
        });
        let made = making.collect::<FuturesUnordered<_>>().map(Some);
        let tidying = Box::pin(async move {
            plugins.tidy().await;
            None
        });
        made.chain(stream::once(tidying)).filter_map(ready)
    }

    /// Keeps what is known of files, and removes what was used least recently of compiled plugins and copies, until they
    /// take no more than they may.
    async fn tidy(&self) {
        let plugins = self.clone();
        if let Err(error) = blocking(move || plugins.0.tidy()).await {
            tracing::warn!("what is kept of plugins was not put in order: {}", child::chain(&error));
        }
    }
}

/// The component of a plugin's file, made in this process; none if the file is refused.
pub(crate) fn component(file: &[u8]) -> Option<Vec<u8>> {
    adapt::adapt(file).ok().map(|adapted| adapted.component)
}

/// Reports a plugin that cannot be used.
fn told<T>(name: &PluginName, progress: &dyn Progress, result: Result<T, Unusable>) -> Result<T, Unusable> {
    result.inspect_err(|_| progress.report(name, &Stage::Unusable))
}

/// Does work that takes a while, or waits for the disk, where no timer has to wait for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody is left to hear the answer.
            Err(_) => std::future::pending().await,
        },
    }
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}
