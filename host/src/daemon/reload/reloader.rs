//! Carries out reloads, one at a time: reads, validates and compiles first, and has the firing loop swap then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::stock::{Look, Seen, Stock};
use super::watch::{Watch, Watching};
use super::{Configuration, LastRefused, Origin, Refused, ReloadError, ReloadMode, ReloadState, Request, Swap, host};
use crate::clock::Clock;
use crate::daemon::firing::PluginChange;
use crate::daemon::handle::Command;
use crate::model::audit::Change;
use crate::model::changes::changed_alerts;
use crate::model::event::Event;
use crate::model::id::{Digest, PluginName};
use crate::model::plan::Plan;
use crate::model::task::{Build, Task};
use crate::model::taskset::TaskSet;
use crate::observe::AlertSettings;
use crate::plugins::{Mark, Plugins, Progress, blocking};

/// Carries out reloads.
pub(in crate::daemon) struct Reloader {
    pub(in crate::daemon) origin: Option<Origin>,
    pub(in crate::daemon) plugins: Plugins,
    pub(in crate::daemon) progress: Arc<dyn Progress>,
    pub(in crate::daemon) clock: Clock,
    /// The alerts in force.
    pub(in crate::daemon) alerts: watch::Receiver<Arc<AlertSettings>>,
    /// The tasks in force.
    pub(in crate::daemon) tasks: watch::Receiver<Arc<TaskSet>>,
    pub(in crate::daemon) requests: mpsc::Receiver<Request>,
    pub(in crate::daemon) commands: mpsc::Sender<Command>,
    pub(in crate::daemon) plugin_changes: mpsc::Sender<PluginChange>,
    pub(in crate::daemon) events: broadcast::Sender<Event>,
    pub(in crate::daemon) state: watch::Sender<ReloadState>,
}

/// The firing loop is gone.
struct Gone;

/// A reloader that has begun to watch.
pub(in crate::daemon) struct Work {
    reloader: Reloader,
    stock: Stock,
    watch: Watch,
    /// What is in the file, as it was last looked at.
    seen: Option<Digest>,
    /// The plugins that were there when a configuration was refused: another one may make it good.
    refused_beside: Option<BTreeMap<PluginName, Mark>>,
}

/// Why a configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Somebody asks for it.
    Asked,
    /// Something has changed on the disk.
    Seen,
}

impl Reloader {
    /// Watches from here on: who writes the configuration once the host serves is seen to write it.
    pub(in crate::daemon) fn begin(self) -> Work {
        let stock = Stock::new(self.plugins.clone(), self.progress.clone());
        let watch = Watch::start(self.origin.as_ref().map_or(Watching::Off, |origin| origin.watching), self.clock);
        let seen = self.origin.as_ref().and_then(|origin| origin.digest);
        let mut work = Work { reloader: self, stock, watch, seen, refused_beside: None };
        work.follow();
        work
    }
}

impl Work {
    /// Prepares the plugins that tasks need at the start, and reloads whenever there is reason to.
    pub(in crate::daemon) async fn run(mut self) {
        // An error says that nobody is left to reload anything for.
        let _ = self.go_on().await;
    }

    async fn go_on(&mut self) -> Result<(), Gone> {
        let mut first = self.prepare();
        loop {
            tokio::select! {
                Some((mark, change)) = first.recv() => {
                    // A reload may have come first, after which no task uses it.
                    if uses(&self.reloader.tasks.borrow(), &change.build)
                        && let Some(change) = self.stock.first(mark, change)
                    {
                        self.reloader.plugin_changes.send(change).await.map_err(|_| Gone)?;
                    }
                }
                request = self.reloader.requests.recv() => {
                    let Request { mode, change, answer } = request.ok_or(Gone)?;
                    let result = self.reload(mode, Reason::Asked, change).await?;
                    if let Some(answer) = answer {
                        // Whoever asked may have gone.
                        let _ = answer.send(result);
                    }
                }
                () = self.watch.changed() => self.look().await?,
            }
        }
    }

    /// Prepares the plugins of the start, beside whatever else there is to do: a reload that needs to compile waits for its
    /// turn among them.
    fn prepare(&self) -> mpsc::Receiver<(Mark, PluginChange)> {
        let builds: Vec<Build> = builds(self.reloader.tasks.borrow().values()).into_iter().collect();
        let (done, first) = mpsc::channel(builds.len().max(1));
        let plugins = self.reloader.plugins.clone();
        let mark = |build: &Build| (build.clone(), plugins.mark(&build.plugin));
        let mut marks: BTreeMap<Build, Mark> = builds.iter().map(mark).collect();
        let progress = self.reloader.progress.clone();
        tokio::spawn(async move {
            let mut prepared = plugins.prepare_all(builds, progress);
            while let Some((build, result)) = prepared.next().await {
                let Some(mark) = marks.remove(&build) else { continue };
                if done.send((mark, PluginChange { build, result })).await.is_err() {
                    return;
                }
            }
        });
        first
    }

    /// Watches what is in force now.
    fn follow(&mut self) {
        let Some(origin) = &self.reloader.origin else { return };
        let tasks = self.reloader.tasks.borrow().clone();
        let plugins: BTreeSet<_> = tasks.values().map(|task| &task.plugin).collect();
        let files = plugins.into_iter().flat_map(|plugin| self.reloader.plugins.files(plugin));
        self.watch.follow(origin.source.file(), self.reloader.plugins.folder(), files);
    }

    /// Looks for what has changed on the disk, after a hint that something has.
    async fn look(&mut self) -> Result<(), Gone> {
        let Some(origin) = &self.reloader.origin else { return Ok(()) };
        let source = origin.source.clone();
        self.watch.until_whole(source.file()).await;
        let is = blocking(move || source.digest()).await;
        let is_beside_others =
            self.refused_beside.as_ref().is_some_and(|marks| *marks != self.reloader.plugins.marks());
        if is != self.seen || is_beside_others {
            // What comes of it is told as an event.
            let _ = self.reload(ReloadMode::Apply, Reason::Seen, None).await?;
        } else {
            self.look_at_plugins(Look::Touched).await?;
        }
        self.follow();
        Ok(())
    }

    /// Takes the plugins whose files hold something else.
    async fn look_at_plugins(&mut self, look: Look) -> Result<(), Gone> {
        let builds = builds(self.reloader.tasks.borrow().values());
        for build in self.stock.touched(&builds) {
            for file in self.reloader.plugins.files(&build.plugin) {
                self.watch.until_whole(&file).await;
            }
        }
        let seen = self.stock.look(&builds, look).await;
        if seen.iter().any(Seen::is_other) {
            self.reloader.plugins.need_only(&builds).await;
        }
        for change in self.note(seen) {
            self.reloader.plugin_changes.send(change).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Takes note of plugins that were looked at; returns what the firing loop has to know.
    fn note(&mut self, seen: Vec<Seen>) -> Vec<PluginChange> {
        let news = self.stock.take(seen);
        for plugin in news.recovered {
            // Nobody has to listen.
            let _ = self.reloader.events.send(Event::PluginReady { plugin });
        }
        let kept = self.stock.kept();
        self.reloader.state.send_modify(|state| state.kept_plugins = kept);
        news.changes
    }

    async fn reload(
        &mut self,
        mode: ReloadMode,
        reason: Reason,
        change: Option<Arc<Change>>,
    ) -> Result<Result<Plan, ReloadError>, Gone> {
        let marks = self.reloader.plugins.marks();
        let result = self.try_reload(mode, change).await?;
        if mode == ReloadMode::DryRun {
            return Ok(result);
        }
        self.refused_beside = None;
        match &result {
            Ok(_) => {}
            Err(ReloadError::Refused { report }) => {
                self.refused_beside = Some(marks);
                self.refuse(report, reason);
            }
            Err(error) => {
                tracing::warn!("no other configuration is taken at the moment: {error}");
                // So that the next look finds it new.
                self.seen = None;
            }
        }
        if result.is_err() {
            // What is wrong with the configuration keeps no plugin from being replaced.
            self.look_at_plugins(Look::Thorough).await?;
        }
        self.follow();
        Ok(result)
    }

    /// Tells that a configuration was refused: the same again only to somebody who asked.
    fn refuse(&self, report: &Arc<str>, reason: Reason) {
        let refused = LastRefused { at: self.reloader.clock.now(), report: report.clone() };
        let mut before = None;
        self.reloader.state.send_modify(|state| before = state.refused.replace(refused));
        if reason == Reason::Asked || before.is_none_or(|before| before.report != *report) {
            let _ = self.reloader.events.send(Event::ConfigRefused { report: report.clone() });
        }
    }

    async fn try_reload(
        &mut self,
        mode: ReloadMode,
        change: Option<Arc<Change>>,
    ) -> Result<Result<Plan, ReloadError>, Gone> {
        let Some(origin) = &self.reloader.origin else { return Ok(Err(ReloadError::NoSource)) };
        let source = origin.source.clone();
        let loaded = blocking(move || source.load()).await;
        if mode == ReloadMode::Apply {
            self.seen = loaded.as_ref().map_or_else(|refused| refused.digest, |loaded| loaded.digest);
        }
        let Configuration { tasks, alerts, settings, host, digest, warnings } = match loaded {
            Ok(configuration) => configuration,
            Err(Refused { report, .. }) => return Ok(Err(ReloadError::Refused { report: report.into() })),
        };
        let in_force = self.reloader.tasks.borrow().clone();
        let tasks = merge(&in_force, tasks);
        let needed = builds(&tasks);
        let seen = self.stock.look(&needed, Look::Thorough).await;
        if let Some(report) = unusable(&in_force, &tasks, &seen) {
            return Ok(Err(ReloadError::Refused { report: report.into() }));
        }
        let used = builds(in_force.values());
        let is_news =
            |seen: &&Seen| seen.is_other() && (self.stock.knows(seen.build()) || !used.contains(seen.build()));
        let mut plugins: Vec<_> = seen.iter().filter(is_news).map(|seen| seen.build().plugin.clone()).collect();
        plugins.dedup();
        let host_plan = host::plan(&origin.host, &host);
        let alert_plans = changed_alerts(&self.reloader.alerts.borrow().channels, &alerts.channels);
        let rest = Plan { plugins, alerts: alert_plans, host: host_plan, ..Plan::default() };
        if mode == ReloadMode::DryRun {
            let plan = self.ask(None, |answer| Command::Plan { tasks, answer }).await?;
            return Ok(Ok(rest.with_tasks_of(plan)));
        }
        warnings.lines().filter(|line| !line.trim().is_empty()).for_each(|line| tracing::warn!("| {line}"));
        let plugins = self.note(seen);
        let noted: Vec<Build> = plugins.iter().map(|change| change.build.clone()).collect();
        let after_restart = rest.after_restart().cloned().collect();
        let swap = Box::new(Swap { tasks, alerts, plugins, settings, rest });
        let swapped = self.ask(change, |answer| Command::Reload { swap, answer }).await?;
        if swapped.is_err() {
            noted.iter().for_each(|build| self.stock.forget(build));
        } else {
            if let Some(origin) = &mut self.reloader.origin {
                host::take(&mut origin.host, &host);
            }
            self.stock.keep_only(&needed);
            self.reloader.plugins.need_only(&needed).await;
            let since = self.reloader.clock.now();
            self.reloader.state.send_modify(|state| {
                let kept_plugins = std::mem::take(&mut state.kept_plugins);
                *state = ReloadState { digest, since, refused: None, kept_plugins, after_restart };
            });
        }
        Ok(swapped.map_err(ReloadError::from))
    }

    async fn ask<T>(
        &self,
        change: Option<Arc<Change>>,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        let command = command(answer).on_behalf(change);
        self.reloader.commands.send(command).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}

/// The plugins of tasks, each as it is compiled.
fn builds<'t>(tasks: impl IntoIterator<Item = &'t Arc<Task>>) -> BTreeSet<Build> {
    tasks.into_iter().map(|task| task.build()).collect()
}

/// Whether a task uses a plugin.
fn uses(tasks: &TaskSet, build: &Build) -> bool {
    tasks.values().any(|task| task.plugin == build.plugin && task.build() == *build)
}

/// The tasks, those that are as before being those of before: what runs holds on to them in any case.
fn merge(in_force: &TaskSet, tasks: Vec<Arc<Task>>) -> Vec<Arc<Task>> {
    let same = |task: &Arc<Task>| in_force.get(&task.name).filter(|before| ***before == **task).cloned();
    tasks.into_iter().map(|task| same(&task).unwrap_or(task)).collect()
}

/// What is wrong with the plugins that tasks are to use from now on. One that a task used before and that cannot be used
/// is that task's trouble, as it was.
fn unusable(in_force: &TaskSet, tasks: &[Arc<Task>], seen: &[Seen]) -> Option<String> {
    let troubles: BTreeMap<&Build, String> =
        seen.iter().filter_map(|seen| Some((seen.build(), seen.trouble()?))).collect();
    let uses = |task: &Task| task.enabled.then(|| task.build());
    let mut problems = String::new();
    for task in tasks {
        let Some(build) = uses(task) else { continue };
        let used_before = in_force.get(&task.name).and_then(|before| uses(before));
        if let Some(trouble) = troubles.get(&build).filter(|_| used_before.as_ref() != Some(&build)) {
            let (task, plugin) = (&task.name, &build.plugin);
            problems += &format!("error: task `{task}` cannot use plugin `{plugin}`: {trouble}\n");
        }
    }
    (!problems.is_empty()).then_some(problems)
}
