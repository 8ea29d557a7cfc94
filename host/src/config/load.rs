//! From a file to a [`Config`]: parse, read, inherit, build, check; every problem of every step in one report.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;

use super::Config;
use super::chains::{self, Chains};
use super::diagnostic::{Diagnostic, Problems};
use super::elements::alerts::{Alert, AlertTable};
use super::elements::file::FileTable;
use super::elements::host::{HostSettings, HostTable};
use super::elements::task::{DefaultsTable, Origin, TaskTable};
use super::elements::webhook;
use super::elements::{Build, Common, Secrets};
use super::folders::Folders;
use super::read::{Field, Keys, Reader, Value};
use super::report::Report;
use super::surroundings::{PluginFiles, Surroundings};
use super::syntax::{self, Tree};
use super::values::Named;
use crate::model::id::{AlertName, TaskName};
use crate::model::task::Task;

/// The largest configuration: 64 MiB. A hundred thousand tasks fit.
const MAX_SIZE: u64 = 64 << 20;

/// A configuration, and what a person should know about it all the same.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is in it that does not stop the host; may be empty.
    pub warnings: Report,
}

/// Loads a configuration.
///
/// # Errors
///
/// All that is wrong with it, in one report.
pub fn load(file: &Path, around: &Surroundings) -> Result<Loaded, Report> {
    let shown = file.display().to_string();
    let text = match read(file) {
        Ok(text) => text,
        Err(problem) => return Err(Report::new(shown, String::new(), vec![problem])),
    };
    // The folder of a file that could be read is known, but for a working folder that was removed.
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let root = absolute.parent().unwrap_or(Path::new("/"));
    reported(&shown, &text, config_of(&text, root, &absolute, around))
}

/// Loads a configuration from its text. `shown` stands for its file in messages, relative paths start at `root`.
///
/// # Errors
///
/// All that is wrong with it, in one report.
pub fn load_text(shown: &str, text: &str, root: &Path, around: &Surroundings) -> Result<Loaded, Report> {
    reported(shown, text, config_of(text, root, root, around))
}

fn reported(shown: &str, text: &str, (config, problems): (Option<Config>, Problems)) -> Result<Loaded, Report> {
    let report = Report::new(shown.to_owned(), text.to_owned(), problems.in_order());
    match config {
        Some(config) if !report.has_errors() => Ok(Loaded { config, warnings: report }),
        _ => Err(report),
    }
}

/// The state folder that a file names, or has by default, even if something else in it is wrong.
pub fn state_folder(file: &Path, around: &Surroundings) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let root = absolute.parent().unwrap_or(Path::new("/"));
    let mut reader = Reader::default();
    let host = read(file).ok().and_then(|text| match syntax::parse(&text, &mut reader.problems) {
        Tree::Readable(tree) => {
            let tree = Spanned::new(tree.span(), toml::de::DeValue::Table(tree.into_inner()));
            FileTable::read(&tree, &mut reader)?.host.value()
        }
        Tree::Broken => None,
    });
    host.unwrap_or_default().build(root, around, &mut reader.problems).state
}

fn read(file: &Path) -> Result<String, Diagnostic> {
    let cannot = |why: String| Diagnostic::error(format!("cannot read {}: {why}", file.display()));
    let metadata = std::fs::metadata(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Diagnostic::error(format!("there is no file {}", file.display()))
            .help("write one with `sandclock init`, or name another with `--config FILE`"),
        _ => cannot(error.to_string()),
    })?;
    if !metadata.is_file() || metadata.len() > MAX_SIZE {
        return Err(cannot("it is not a file of 64MiB at the most".to_owned()));
    }
    let bytes = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        cannot(format!("line {} is not UTF-8 text", line + 1))
    })
}

/// The configuration that a text stands for, unless something in it cannot be built, and the problems with it. Relative
/// paths start at `root`, and no guest may change what leads to the file `own`.
pub(super) fn config_of(text: &str, root: &Path, own: &Path, around: &Surroundings) -> (Option<Config>, Problems) {
    let mut reader = Reader::default();
    let tree = match syntax::parse(text, &mut reader.problems) {
        Tree::Readable(tree) => tree,
        Tree::Broken => return (None, reader.problems),
    };
    let tree = Spanned::new(tree.span(), toml::de::DeValue::Table(tree.into_inner()));
    let file = FileTable::read(&tree, &mut reader);
    // What was read out of it owns itself; the tree takes more than all that is made of it.
    drop(tree);
    let mut problems = reader.problems;
    let config = file.and_then(|file| build(file, text, root, own, around, &mut problems));
    (config, problems)
}

fn build(
    file: FileTable,
    text: &str,
    root: &Path,
    own: &Path,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Config> {
    let host_table: HostTable = file.host.into_value().unwrap_or_default();
    let host = host_table.build(root, around, problems);
    let plugins = plugin_files(&host_table, &host, problems);
    let tasks = settled_tasks(file.tasks, file.defaults, problems);
    let alert_tables: Named<AlertName, AlertTable> = file.alerts.into_value().unwrap_or_default();
    let mut build = Build {
        problems,
        around,
        text,
        root,
        timezone: host.timezone.clone(),
        folders: Folders::default(),
        plugins,
        secrets: Secrets::default(),
        common: Common::default(),
    };
    let (secrets, secret_sources) = Secrets::read(&file.secrets, &mut build);
    build.secrets = secrets;
    let observe = host_table.observe(&mut build);
    let alerts: Vec<Option<Alert>> =
        alert_tables.0.iter().map(|(name, alert)| alert.get_ref().build(name, &mut build)).collect();
    let built: Vec<Option<(Arc<Task>, Origin)>> =
        tasks.iter().map(|(name, task)| task.get_ref().build(name, &mut build)).map(shared).collect();
    let folders = build.folders;
    folders.check(&host, own, problems);

    let known_alerts: Vec<&AlertName> = alert_tables.0.iter().map(|(name, _)| name.get_ref()).collect();
    for (_, task) in &tasks {
        check_alerts(&task.get_ref().shared, &known_alerts, problems);
    }
    let chains: Chains<'_> = tasks.iter().map(|(name, task)| (name.get_ref(), task.get_ref().after())).collect();
    chains::check(&chains, problems);
    let webhooks = tasks.iter().filter_map(|(name, task)| Some((name.get_ref(), task.get_ref().webhook()?)));
    webhook::check_paths(webhooks, problems);
    if tasks.is_empty() && problems.is_empty() {
        problems
            .note(Diagnostic::warning("there are no tasks").help("a task begins with a line such as [tasks.hello]"));
    }

    let built = built.into_iter().collect::<Option<Vec<_>>>()?;
    let (tasks, origins) = built.into_iter().map(|(task, origin)| (task.clone(), (task.name.clone(), origin))).unzip();
    Some(Config {
        root: root.to_owned(),
        host,
        observe,
        tasks,
        alerts: alerts.into_iter().collect::<Option<Vec<_>>>()?,
        origins,
        secret_sources,
    })
}

/// A task that was made, as everybody holds it from here on.
fn shared(built: Option<(Task, Origin)>) -> Option<(Arc<Task>, Origin)> {
    built.map(|(task, origin)| (Arc::new(task), origin))
}

/// What is in the plugins folder, or a problem if there is none.
fn plugin_files(table: &HostTable, host: &HostSettings, problems: &mut Problems) -> Option<PluginFiles> {
    let error = match PluginFiles::list(&host.plugins) {
        Ok(files) => return Some(files),
        Err(error) => error,
    };
    let (message, help) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no plugins folder".to_owned(), "make it, and put .wasm files in it"),
        _ => (format!("cannot list the plugins folder: {error}"), "the host has to be able to read it"),
    };
    let problem = match table.plugins.written() {
        Some(plugins) => Diagnostic::error(message).at(plugins.span(), "expected the folder of the plugins").help(help),
        None => Diagnostic::error(message)
            .help("expected the folder `plugins` beside this file, or another one named by `plugins` in [host]")
            .help(help),
    };
    problems.note(problem);
    None
}

/// The tasks with all that they inherit.
fn settled_tasks(
    tasks: Field<Named<TaskName, TaskTable>>,
    defaults: Field<DefaultsTable>,
    problems: &mut Problems,
) -> Vec<(Spanned<TaskName>, Spanned<TaskTable>)> {
    let mut defaults = defaults.into_value().unwrap_or_default();
    defaults.settle(problems);
    let Named(mut tasks) = tasks.into_value().unwrap_or_default();
    for (_, task) in &mut tasks {
        task.get_mut().shared.settle(problems);
        task.get_mut().shared.inherit_keys(&defaults);
    }
    tasks
}

fn check_alerts(task: &DefaultsTable, known: &[&AlertName], problems: &mut Problems) {
    let names = task.alerts.written().into_iter().flat_map(|alerts| &alerts.get_ref().0);
    for name in names.filter(|name| !known.contains(&name.get_ref())) {
        problems.note(
            Diagnostic::error(format!("there is no alert `{}`", name.get_ref()))
                .at(name.span(), "expected the name of an alert in this file")
                .did_you_mean(name.get_ref().as_str(), known.iter().map(|known| known.as_str()))
                .help(format!("an alert begins with the line [alerts.{}]", name.get_ref())),
        );
    }
}
