//! How a plugin of the folder becomes code that can be run: found, read or known, compiled or not, and loaded.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::adapt::AdaptError;
use super::cache::CachedImage;
use super::compile::CompileFailure;
use super::file::{FileError, Taken};
use super::private::{self, StateError};
use super::progress::{Progress, Stage};
use super::recognise::{Kind, recognise};
use super::room::superfluous;
use super::settle::{Whole, settled};
use super::store::digest;
use super::unusable::{Unusable, the_one_file};
use super::{Inner, Plugin, Plugins, blocking};
use crate::model::id::Digest;
use crate::model::limits::Metering;
use crate::model::quantity::bytes;
use crate::model::task::Build;
use crate::sandbox::Prepared;

/// The content of a plugin's file, and its code if that was compiled before.
pub(super) struct Found {
    pub digest: Digest,
    code: Option<Prepared>,
    since: Instant,
}

/// A plugin's file in the folder.
enum Sighted {
    /// It was read before, by this host or an earlier one, and compiled.
    Known { size: u64, found: Found },
    /// It has to be read. Its name, and the content it is known to have, of which there is no image.
    Unknown(String, Option<Digest>),
}

impl Plugins {
    pub(super) async fn make<R>(&self, build: &Build, progress: &dyn Progress, read: R) -> Result<Plugin, Unusable>
    where
        R: Fn() -> Result<Taken, FileError> + Clone + Send + 'static,
    {
        let found = self.look(build, progress, read, None).await?;
        self.finish(build, progress, found).await
    }

    /// Finds a plugin's file in the folder, and loads what is kept of its content.
    pub(super) async fn find(&self, build: &Build, progress: &dyn Progress) -> Result<Found, Unusable> {
        let (plugins, sought) = (self.clone(), build.clone());
        let sighted = self.in_turn(move || plugins.0.sight(&sought)).await?;
        let (file, missed) = match sighted {
            Sighted::Known { size, found } => {
                progress.report(&build.plugin, &Stage::Found { size });
                return Ok(found);
            }
            Sighted::Unknown(file, missed) => (file, missed),
        };
        let plugins = self.clone();
        self.look(build, progress, move || plugins.0.folder.read(&file, plugins.0.max_size), missed).await
    }

    /// Reads a plugin's file once it is whole, and loads what is kept of its content, unless that was missed before.
    async fn look<R>(
        &self,
        build: &Build,
        progress: &dyn Progress,
        read: R,
        missed: Option<Digest>,
    ) -> Result<Found, Unusable>
    where
        R: Fn() -> Result<Taken, FileError> + Clone + Send + 'static,
    {
        let Whole { taken, permit: _permit } = settled(self.0.clock, &self.0.readers, read).await?;
        progress.report(&build.plugin, &Stage::Found { size: taken.stamp.size });
        let (plugins, sought) = (self.clone(), build.clone());
        blocking(move || plugins.0.look_up(&taken, &sought, missed)).await
    }

    /// Has compiled and loaded what was not compiled before.
    pub(super) async fn finish(
        &self,
        build: &Build,
        progress: &dyn Progress,
        found: Found,
    ) -> Result<Plugin, Unusable> {
        let Build { plugin: name, metering } = build;
        let Found { digest, code, since } = found;
        let prepared = match code {
            Some(prepared) => {
                progress.report(name, &Stage::Cached);
                prepared
            }
            None => {
                let image = self.compile(digest, *metering, || progress.report(name, &Stage::Compiling)).await?;
                let plugins = self.clone();
                self.in_turn(move || plugins.0.sandbox.load(&image.into_image())).await?
            }
        };
        let took = self.0.clock.monotonic().saturating_duration_since(since);
        progress.report(name, &Stage::Ready { took });
        Ok(Plugin { build: build.clone(), digest, prepared })
    }

    /// Does work like [`blocking`], beside no more of its kind than [`READERS`]: of a thousand plugins, each would
    /// otherwise get a thread.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = self.0.readers.acquire().await;
        blocking(work).await
    }

    async fn compile(
        &self,
        digest: Digest,
        metering: Metering,
        started: impl FnOnce(),
    ) -> Result<CachedImage, CompileFailure> {
        let plugins = self.clone();
        let (copy, draft) = (self.0.store.path(digest), || self.0.cache.draft());
        let (profile, draft) = self.0.compiler.compile(&copy, digest, metering, draft, started).await?;
        blocking(move || plugins.0.cache.keep(digest, profile, draft)).await.map_err(CompileFailure::from)
    }
}

impl Inner {
    /// A plugin's file in the folder, and its code if that is there without reading the file. Looked at, verified and loaded
    /// in one go: of a thousand, each change of threads counts.
    fn sight(&self, build: &Build) -> Result<Sighted, Unusable> {
        let file = the_one_file(&build.plugin, &self.folder)?;
        let stamp = self.folder.look_at(&file, self.max_size)?;
        let Some(digest) = self.known.digest(&stamp) else { return Ok(Sighted::Unknown(file, None)) };
        let Some(image) = self.cache.find(digest, build.metering) else {
            return Ok(Sighted::Unknown(file, Some(digest)));
        };
        self.need(build, digest);
        Ok(Sighted::Known { size: stamp.size, found: self.load(digest, Some(image))? })
    }

    /// The code of a file's bytes, if they are compiled already; otherwise a copy is kept, to be compiled. What was
    /// `missed` in the cache is not looked for again: whatever is wrong with it has been said.
    fn look_up(&self, taken: &Taken, build: &Build, missed: Option<Digest>) -> Result<Found, Unusable> {
        // A glance is safe in this process, and saves a child for what is plainly no plugin.
        if let Kind::Other(found) = recognise(&taken.bytes) {
            return Err(CompileFailure::Refused(AdaptError::NotWasm(found).to_string()).into());
        }
        let digest = digest(&taken.bytes);
        self.known.remember(taken.stamp, digest, self.clock.now());
        self.need(build, digest);
        let image = if missed == Some(digest) { None } else { self.cache.find(digest, build.metering) };
        if image.is_none() {
            self.store.keep(digest, &taken.bytes).map_err(CompileFailure::from)?;
        }
        self.load(digest, image)
    }

    fn load(&self, digest: Digest, image: Option<CachedImage>) -> Result<Found, Unusable> {
        let since = self.clock.monotonic();
        let code = image.map(|image| self.sandbox.load(&image.into_image())).transpose()?;
        Ok(Found { digest, code, since })
    }

    fn need(&self, build: &Build, digest: Digest) {
        self.needed.lock().unwrap_or_else(PoisonError::into_inner).insert(build.clone(), digest);
    }

    /// Takes care of the state folder once a few plugins are prepared.
    pub(super) fn tidy(&self) -> Result<(), StateError> {
        self.known.keep()?;
        self.make_room()
    }

    fn make_room(&self) -> Result<(), StateError> {
        let needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut kept = self.cache.list(&needed)?;
        kept.extend(self.store.list(&needed)?);
        let gone = superfluous(kept, self.kept);
        private::remove(&gone);
        if !gone.is_empty() {
            let freed = bytes(gone.iter().map(|gone| gone.bytes).sum());
            tracing::info!("{freed} of plugins that no task needs were removed, past host.compile.kept");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::SignedDuration;
    use tracing::{Event, Level, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
    use tracing_subscriber::registry;

    use super::super::{CompileSettings, Settings, component};
    use super::*;
    use crate::clock::Clock;
    use crate::sandbox::{self, Profile, Sandbox, Wasi};

    const PROFILE: Profile = Profile { wasi: Wasi::V02, metering: Metering::Fuel };
    const PROGRAM: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

    /// A folder of plugins, to be looked at when its files have rested.
    fn open(root: &tempfile::TempDir) -> Plugins {
        let settings = Settings {
            folder: root.path().join("plugins"),
            state: root.path().join("state"),
            compile: CompileSettings::default(),
        };
        let clock = Clock::simulated(Clock::system().now() + SignedDuration::from_hours(1));
        Plugins::open(settings, Sandbox::new(sandbox::Settings::for_limits(1, []), clock), clock).unwrap()
    }

    /// Reads the plugin's file and takes it to be compiled.
    fn compiled(plugins: &Plugins, build: &Build) -> Digest {
        let taken = plugins.0.folder.read("report.wat", 100).unwrap();
        let compiled = sandbox::compile(&component(&taken.bytes).unwrap(), Metering::Fuel).unwrap();
        let Found { digest, .. } = plugins.0.look_up(&taken, build, None).unwrap();
        let mut draft = plugins.0.cache.draft().unwrap();
        draft.write_all(compiled.bytes()).unwrap();
        plugins.0.cache.keep(digest, PROFILE, draft).unwrap();
        digest
    }

    fn known(plugins: &Plugins, build: &Build) -> Option<Digest> {
        match plugins.0.sight(build).unwrap() {
            Sighted::Known { found, .. } => Some(found.digest),
            Sighted::Unknown(..) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_read_again_only_when_it_has_changed() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("plugins/report.wat");
        fs::create_dir(root.path().join("plugins")).unwrap();
        fs::write(&file, PROGRAM).unwrap();
        let build = Build { plugin: "report".parse().unwrap(), metering: Metering::Fuel };

        let plugins = open(&root);
        assert_eq!(known(&plugins, &build), None);
        let digest = compiled(&plugins, &build);
        assert_eq!(known(&plugins, &build), Some(digest));
        plugins.tidy().await;
        drop(plugins);

        let plugins = open(&root);
        assert_eq!(known(&plugins, &build), Some(digest), "the next host knows it too");
        let unmetered = Build { metering: Metering::Epoch, ..build.clone() };
        assert_eq!(known(&plugins, &unmetered), None, "what is not compiled has to be read");

        // As long as it was, and as old as it was.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        let mut open = File::options().write(true).open(&file).unwrap();
        open.write_all(PROGRAM.replace('1', "2").as_bytes()).unwrap();
        open.set_modified(modified).unwrap();
        assert_eq!(known(&plugins, &build), None);
    }

    /// Counts warnings.
    struct Warnings(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Warnings {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(usize::from(*event.metadata().level() == Level::WARN), Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_damaged_image_is_told_once_and_compiled_again() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("plugins")).unwrap();
        fs::write(root.path().join("plugins/report.wat"), PROGRAM).unwrap();
        let build = Build { plugin: "report".parse().unwrap(), metering: Metering::Fuel };
        let plugins = open(&root);
        compiled(&plugins, &build);
        let mut entries = fs::read_dir(root.path().join("state/cache")).unwrap().map(|entry| entry.unwrap().path());
        let image = entries.find(|path| path.extension().is_some_and(|extension| extension == "image")).unwrap();
        private::write(&image, b"damaged").unwrap();

        let told = Arc::new(AtomicUsize::new(0));
        let found = tracing::subscriber::with_default(registry().with(Warnings(told.clone())), || {
            let Sighted::Unknown(file, missed) = plugins.0.sight(&build).unwrap() else { panic!("it was loaded") };
            plugins.0.look_up(&plugins.0.folder.read(&file, 100).unwrap(), &build, missed).unwrap()
        });
        assert!(found.code.is_none());
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }
}
