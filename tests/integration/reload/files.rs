//! A host that watches its configuration, and all the ways in which files change.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use super::{
    KEPT, REFUSED, RELOADED, begin, config, executed, lines, manual, program, replace, trigger, until_is,
    until_new_run, until_told,
};
use crate::project::{Project, Serving, run_within};

#[test]
fn a_file_that_is_written_in_place_or_put_in_place_counts_at_once() {
    let project = Project::new(&config(true, &manual("first")), &["tick"]);
    let serving = project.serve();
    project.configure(&config(true, &(manual("first") + &manual("second"))));
    until_told(&serving, RELOADED, 1);
    let run = trigger(&project, "second");
    until_is(&serving, "second", &run, "succeeded");
    // As editors do that keep the file before under another name.
    let path = project.path("sandclock.toml");
    fs::rename(&path, project.path("sandclock.toml~")).unwrap();
    fs::write(&path, config(true, &(manual("first") + &manual("third")))).unwrap();
    until_told(&serving, "third: added", 1);
    replace(&path, config(true, &manual("third")));
    until_told(&serving, "first: removed", 1);
    let run = trigger(&project, "third");
    until_is(&serving, "third", &run, "succeeded");
    assert_eq!(lines(&serving, REFUSED), [""; 0], "{}", serving.log());
}

#[test]
fn a_file_that_is_still_being_written_is_not_taken() {
    let project = Project::new(&config(true, &(manual("first") + &manual("last"))), &["tick"]);
    let serving = project.serve();
    // Nothing is wrong with the first part, but that a task is not in it.
    let mut file = begin(&project.path("sandclock.toml"), &config(true, &manual("first")));
    file.sync_all().unwrap();
    serving.lives(Duration::from_millis(1_500));
    file.write_all((manual("last") + &manual("more")).as_bytes()).unwrap();
    drop(file);
    until_told(&serving, "more: added", 1);
    assert_eq!(
        lines(&serving, "removed").iter().filter(|line| !line.contains("removed=0")).count(),
        0,
        "{}",
        serving.log()
    );
    assert_eq!(lines(&serving, RELOADED).len(), 1, "{}", serving.log());
}

#[test]
fn a_bad_file_is_told_of_once_and_forgotten_when_a_good_one_comes() {
    let project = Project::new(&config(true, &manual("first")), &["tick"]);
    let serving = project.serve();
    let path = project.path("sandclock.toml");
    replace(&path, "[tasks.first\n");
    until_told(&serving, REFUSED, 1);
    assert!(serving.log().contains("| error: unclosed table"), "{}", serving.log());
    let run = trigger_from(&project, "first");
    until_is_in(&project, &serving, &run);
    // The same as before it was refused: that is in force again, and nothing else is.
    replace(&path, config(true, &manual("first")));
    until_told(&serving, RELOADED, 1);
    assert_eq!(lines(&serving, REFUSED).len(), 1, "{}", serving.log());
}

#[test]
fn a_configuration_that_lacks_a_plugin_is_taken_once_that_is_there_and_good() {
    let project = Project::new(&config(true, &manual("first")), &["tick"]);
    let serving = project.serve();
    replace(&project.path("sandclock.toml"), config(true, &(manual("first") + "[tasks.late]\n")));
    until_told(&serving, "| error: there is no plugin `late`", 1);
    replace(&project.path("plugins/late.wat"), "(module");
    until_told(&serving, "| error: task `late` cannot use plugin `late`", 1);
    replace(&project.path("plugins/late.wat"), program("late", 0));
    until_told(&serving, "late: added", 1);
    let run = trigger(&project, "late");
    until_is(&serving, "late", &run, "succeeded");
}

/// A folder as Kubernetes mounts a ConfigMap: names lead through `..data` to a folder that is replaced as a whole.
fn publish(mount: &Path, version: &str, files: &[(&str, String)]) {
    let folder = mount.join(version);
    fs::create_dir(&folder).unwrap();
    files.iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
    symlink(version, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    for (name, _) in files {
        // The names stay from one version to the next.
        let _ = symlink(Path::new("..data").join(name), mount.join(name));
    }
}

#[test]
fn links_that_are_put_elsewhere_are_followed() {
    let project = Project::empty();
    let (settings, plugins) = (project.path("settings"), project.path("plugins"));
    fs::create_dir(&settings).unwrap();
    fs::create_dir(&plugins).unwrap();
    let toml = |tasks: &str| {
        let host = "[host]\nlisten = \"127.0.0.1:0\"\nplugins = \"../plugins\"\nstate = \"../state\"\n\n";
        format!("{host}{tasks}")
    };
    publish(&settings, "..v1", &[("sandclock.toml", toml(&manual("first")))]);
    publish(&plugins, "..v1", &[("tick.wat", program("one", 0))]);
    let file = settings.join("sandclock.toml");
    let serving = project.serve_with(&["--config", file.to_str().unwrap()]);
    let trigger = |task: &str| {
        let finished = project.run(&["--config", file.to_str().unwrap(), "trigger", task]);
        assert!(finished.status.success(), "{finished:?}");
        finished.stdout.trim().to_owned()
    };
    let until = |run: &str, line: &str| {
        serving.until(&format!("{run} says {line}"), || {
            project.run(&["logs", run, "--state", "state"]).stdout.contains(line)
        });
    };
    until(&trigger("first"), "one");
    publish(&plugins, "..v2", &[("tick.wat", program("two", 0))]);
    until_told(&serving, "plugin is ready", 2);
    until(&trigger("first"), "two");
    for (version, task) in [("..v2", "second"), ("..v3", "third")] {
        publish(&settings, version, &[("sandclock.toml", toml(&(manual("first") + &manual(task))))]);
        until_told(&serving, &format!("{task}: added"), 1);
        until(&trigger(task), "two");
    }
    // The folder that nothing leads to any more is removed, as Kubernetes does.
    fs::remove_dir_all(settings.join("..v2")).unwrap();
    // A link to another folder on the way.
    fs::rename(&settings, project.path("before")).unwrap();
    fs::create_dir(project.path("other")).unwrap();
    fs::write(project.path("other/sandclock.toml"), toml(&(manual("first") + &manual("fourth")))).unwrap();
    symlink("other", &settings).unwrap();
    until_told(&serving, "fourth: added", 1);
    fs::write(project.path("other/sandclock.toml"), toml(&(manual("first") + &manual("fifth")))).unwrap();
    until_told(&serving, "fifth: added", 1);
}

#[test]
fn folders_that_vanish_and_come_back_are_found_again() {
    let project = Project::new(&config(true, &manual("first")), &["tick"]);
    let serving = project.serve();
    until_told(&serving, "plugin is ready", 1);
    let before = trigger(&project, "first");
    until_is(&serving, "first", &before, "succeeded");
    let (plugins, away) = (project.path("plugins"), project.path("away"));
    fs::rename(&plugins, &away).unwrap();
    until_told(&serving, KEPT, 1);
    let run = trigger_from(&project, "first");
    until_is_in(&project, &serving, &run);
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("tick.wat"), program("another", 0)).unwrap();
    let executed = |run: &str| executed(&project, run);
    until_new_run(&serving, &project, "first", |run| executed(run["id"].as_str().unwrap()) != executed(&before));
    // And again, with the folder of before.
    fs::remove_dir_all(&plugins).unwrap();
    until_told(&serving, KEPT, 2);
    fs::rename(&away, &plugins).unwrap();
    until_new_run(&serving, &project, "first", |run| executed(run["id"].as_str().unwrap()) == executed(&before));
}

/// Triggers a run while the configuration cannot be loaded, which otherwise says where the state folder is.
fn trigger_from(project: &Project, task: &str) -> String {
    let finished = project.run(&["trigger", task, "--state", "state"]);
    assert!(finished.status.success(), "{finished:?}");
    finished.stdout.trim().to_owned()
}

fn until_is_in(project: &Project, serving: &Serving<'_>, run: &str) {
    serving.until("the run succeeds", || {
        let finished = project.run(&["logs", run, "--json", "--state", "state"]);
        finished.stdout.contains("\"succeeded\"")
    });
}

#[test]
fn the_folder_of_the_configuration_may_vanish_too() {
    let project = Project::empty();
    let folder = project.path("settings");
    let write = |tasks: &str| {
        fs::create_dir(&folder).unwrap();
        let host = "[host]\nlisten = \"127.0.0.1:0\"\nplugins = \"../plugins\"\nstate = \"../state\"\n\n";
        fs::write(folder.join("sandclock.toml"), format!("{host}{tasks}")).unwrap();
    };
    write(&manual("first"));
    fs::create_dir(project.path("plugins")).unwrap();
    project.add_plugin("tick");
    let serving = project.serve_with(&["--config", "settings/sandclock.toml"]);
    fs::remove_dir_all(&folder).unwrap();
    until_told(&serving, REFUSED, 1);
    assert!(serving.log().contains("there is no file"), "{}", serving.log());
    write(&(manual("first") + &manual("second")));
    until_told(&serving, "second: added", 1);
}

/// Leaves no watches to what runs in it.
const WITHOUT_WATCHES: &str = r#"
set -e
echo 0 > /proc/sys/user/max_inotify_instances
shift
exec "$@""#;

#[test]
fn where_the_system_has_no_watches_to_give_files_are_looked_at() {
    run_within(&[], WITHOUT_WATCHES, "reload::files::inside_without_watches");
}

#[test]
#[ignore = "runs where the test above leaves no watches"]
fn inside_without_watches() {
    let project = Project::new(&config(true, &manual("first")), &["tick"]);
    let serving = project.serve();
    until_told(&serving, "not all files can be watched, so they are looked at every 30 s", 1);
    replace(&project.path("sandclock.toml"), config(true, &(manual("first") + &manual("second"))));
    until_told(&serving, "second: added", 1);
}
