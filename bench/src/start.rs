//! How long a host takes to have a thousand plugins ready that it has compiled before, against mapping and linking the
//! same images in a loop; and the start of the real program with 100,000 tasks of them.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use futures_util::StreamExt;
use sandclock_host::model::limits::Metering;
use sandclock_host::model::task::Build;
use sandclock_host::plugins::{CompileSettings, Quiet};
use sandclock_host::sandbox::{Image, Profile, Wasi, engine_key};

use crate::bar::Bar;
use crate::host::{Ground, MAX_CONCURRENT, engine_error, listener};
use crate::process::Hosted;
use crate::rounds::{Answer, Figure, Question, bab};
use crate::variants;

/// Plugins for each round: a thousand in the full form.
const PLUGINS_A_ROUND: usize = 50;
const TASKS: usize = 100_000;
/// What the plugins are compiled under.
const PROFILE: Profile = Profile { wasi: Wasi::V02, metering: Metering::Fuel };

/// The plugins stay compiled from one benchmark to the next.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let site = Site::of(ground, rounds * PLUGINS_A_ROUND)?;
    let bare = || site.bare(ground);
    let loaded = bab(rounds.div_ceil(2), || site.prepare(ground), bare)?;
    let started = bab(rounds.div_ceil(4), || site.started(ground), bare)?;
    let question = |what, a, bar| Question { what, unit: "s", a, bar: Some(bar) };
    let baseline = "map and link";
    Ok(vec![
        Answer::of(question("cached plugins, all made ready", "prepared", Bar::Times(1.5)), baseline, &loaded),
        Answer::of(
            question("start with them and 100,000 tasks", "sandclock serve", Bar::TimesAnd(1.5, 1.0)),
            baseline,
            &started,
        ),
    ])
}

/// A folder as a host has it, with everything compiled.
struct Site {
    folder: PathBuf,
    builds: Vec<Build>,
}

impl Site {
    fn of(ground: &Ground, plugins: usize) -> anyhow::Result<Self> {
        let folder = PathBuf::from("target/bench/many-plugins");
        let plugins_folder = folder.join("plugins");
        fs::create_dir_all(&plugins_folder)?;
        let builds = variants::write(&ground.sample(), &plugins_folder, plugins)?;
        let site = Self { folder, builds };
        fs::write(site.config(), site.text())?;
        eprintln!("bench: {plugins} plugins are compiled, unless they are already");
        site.prepare(ground)?;
        Ok(site)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("sandclock.toml")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Tasks that share the plugins, and are not due.
    fn text(&self) -> String {
        let mut text = "[host]\nlisten = \"127.0.0.1:0\"\n".to_owned();
        for number in 0..TASKS {
            let plugin = variants::name(number % self.builds.len());
            // Writing to a String cannot fail.
            let _ = write!(text, "\n[tasks.task-{number}]\nplugin = \"{plugin}\"\nschedule = \"0 0 29 2 *\"\n");
        }
        text
    }

    /// Has every plugin prepared as a host does, compiled or not. The figure is the time until the last of them was ready.
    fn prepare(&self, ground: &Ground) -> anyhow::Result<Figure> {
        let started = ground.clock.monotonic();
        let compile = CompileSettings { parallel: ground.threads, ..CompileSettings::default() };
        let plugins = ground.plugins_of(self.folder.join("plugins"), self.state(), compile)?;
        listener()?.block_on(async {
            let mut prepared = plugins.prepare_all(self.builds.clone(), Arc::new(Quiet));
            let (mut all, mut took) = (Vec::new(), 0.0);
            while let Some((_, plugin)) = prepared.next().await {
                all.push(plugin?);
                took = started.elapsed().as_secs_f64();
            }
            Ok(took)
        })
    }

    /// Maps and links as many images as there are plugins.
    fn bare(&self, ground: &Ground) -> anyhow::Result<Figure> {
        let images = self.images()?;
        let started = ground.clock.monotonic();
        let sandbox = ground.sandbox(MAX_CONCURRENT);
        #[expect(unsafe_code, reason = "the baseline maps what the host has compiled, and checks nothing")]
        let load = |image: &PathBuf| {
            let image = fs::File::open(image)?;
            // SAFETY: the host's own cache, which nobody touches meanwhile.
            anyhow::Ok(sandbox.load_bare(&unsafe { Image::from_verified_file(PROFILE, image) })?)
        };
        let all = images.iter().map(load).collect::<anyhow::Result<Vec<_>>>()?;
        let took = started.elapsed().as_secs_f64();
        drop(all);
        Ok(took)
    }

    fn images(&self) -> anyhow::Result<Vec<PathBuf>> {
        let ending = format!("-{}.image", engine_key(PROFILE).map_err(engine_error)?);
        let files = fs::read_dir(self.state().join("cache"))?.map(|entry| Ok(entry?.path()));
        let files = files.collect::<anyhow::Result<Vec<PathBuf>>>()?;
        let is_image = |file: &PathBuf| file.to_str().is_some_and(|file| file.ends_with(&ending));
        let images: Vec<PathBuf> = files.into_iter().filter(is_image).take(self.builds.len()).collect();
        ensure!(images.len() == self.builds.len(), "there are {} images", images.len());
        Ok(images)
    }

    /// Starts the program, and waits until it has said of every plugin that it is ready.
    fn started(&self, ground: &Ground) -> anyhow::Result<Figure> {
        let started = ground.clock.monotonic();
        let mut host = Hosted::start(&self.config(), "info")?;
        host.says("plugin is ready", self.builds.len())?;
        Ok(started.elapsed().as_secs_f64())
    }
}
