//! Reloads that somebody asks for, by a host that does not watch its files.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use super::{REFUSED, RELOADED, config, lines, manual, program, trigger, until_is, until_told};
use crate::project::Project;

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let once = |year| format!("schedule = {{ at = \"{year}-01-01T00:00:00Z\" }}\n");
    let task = |name: &str, keys: &str| format!("[tasks.{name}]\nplugin = \"tick\"\n{keys}\n");
    let before = [
        task("keeps", &once(2098)),
        task("moves", &once(2098)),
        task("old", &once(2097)),
        task("secret", "grants.secrets = { TOKEN = { file = \"token\" } }\n"),
        task("widens", &once(2098)),
    ];
    let project = Project::new(&config(false, &before.concat()), &["tick", "sleep-for-ever"]);
    fs::write(project.path("token"), "first-value").unwrap();
    let serving = project.serve();
    let after = [
        task("keeps", &once(2098)),
        task("moves", &once(2099)),
        task("new", &once(2099)),
        task("secret", "grants.secrets = { TOKEN = { file = \"token\" } }\n"),
        task("widens", &format!("{}limits = {{ memory = \"1GiB\", timeout = \"5m\" }}\n", once(2098))),
    ];
    let host = "[host]\nlisten = \"127.0.0.1:1\"\nwatch = false\ngrace-period = \"5s\"\n\n";
    project.configure(&format!("{host}{}", after.concat()));
    fs::write(project.path("token"), "second-value").unwrap();
    let expected = "\
~ task moves: schedule
    slots count anew from now; next 2099-01-01T00:00:00Z, was 2098-01-01T00:00:00Z
+ task new
    slots count from now; next 2099-01-01T00:00:00Z
- task old
    no more slots; next none, was 2097-01-01T00:00:00Z
~ task secret: grants.secrets
    slots go on as before; next none
~ task widens: limits.timeout, limits.memory
    slots go on as before; next 2098-01-01T00:00:00Z
~ host.grace-period: \"30s\" -> \"5s\"
~ host.listen: \"127.0.0.1:0\" -> \"127.0.0.1:1\", once the host is started again
1 task stays as it is; ";
    let dry = project.run(&["reload", "--dry-run"]);
    assert!(dry.status.success(), "{dry:?}");
    assert_eq!(dry.stdout, format!("{expected}a dry run, so nothing was changed\n"));
    assert_eq!(project.run(&["trigger", "new"]).status.code(), Some(4), "it is not there yet");
    let json = project.json(&["reload", "--dry-run", "--json"]);
    assert_eq!((&json["accepted"], &json["dry_run"], &json["unchanged"]), (&true.into(), &true.into(), &1.into()));
    assert_eq!(json["tasks"][0]["settings"], serde_json::json!(["schedule"]));

    let done = project.run(&["reload"]);
    assert_eq!(done.stdout, format!("{expected}this is in force now\n"), "{done:?}");
    trigger(&project, "new");
    assert_eq!(project.run(&["trigger", "old"]).status.code(), Some(4));
    let again = project.run(&["reload"]);
    let listen = "~ host.listen: \"127.0.0.1:0\" -> \"127.0.0.1:1\", once the host is started again\n";
    assert_eq!(again.stdout, format!("{listen}5 tasks stay as they are; this is in force now\n"));
    assert!(!serving.log().contains("-value"), "{}", serving.log());
}

#[test]
fn a_hangup_reloads() {
    let project = Project::new(&config(false, &manual("first")), &["tick"]);
    let serving = project.serve();
    project.configure(&config(false, &(manual("first") + &manual("second"))));
    serving.signal(Signal::HUP);
    until_told(&serving, RELOADED, 1);
    let run = trigger(&project, "second");
    until_is(&serving, "second", &run, "succeeded");
    assert_eq!(lines(&serving, RELOADED).len(), 1, "nothing is watched: {}", serving.log());
}

#[test]
fn a_granted_folder_that_was_replaced_behind_a_link_is_taken_by_a_reload() {
    let granted = manual("first") + "[tasks.first.grants.folders]\n\"/data\" = { path = \"current\" }\n";
    let project = Project::new(&config(false, &granted), &["tick"]);
    for version in ["one", "two"] {
        fs::create_dir(project.path(version)).unwrap();
    }
    symlink("one", project.path("current")).unwrap();
    let serving = project.serve();
    until_is(&serving, "first", &trigger(&project, "first"), "succeeded");
    fs::remove_file(project.path("current")).unwrap();
    symlink("two", project.path("current")).unwrap();
    let broken = until_is(&serving, "first", &trigger(&project, "first"), "broken");
    let message = broken["outcome"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("`sandclock reload`"), "{broken}");
    let reloaded = project.run(&["reload"]);
    assert!(reloaded.stdout.starts_with("~ task first: grants.folders\n"), "{reloaded:?}");
    until_is(&serving, "first", &trigger(&project, "first"), "succeeded");
}

#[test]
fn what_is_wrong_is_shown_in_its_place_and_the_last_good_configuration_stays() {
    let project = Project::new(&config(false, &manual("first")), &["tick"]);
    let serving = project.serve();
    project.configure(&config(false, "[tasks.first]\nplugin = \"tick\"\nshedule = \"@daily\"\n\n[tasks.second]\n"));
    for arguments in [&["reload"][..], &["reload", "--dry-run"]] {
        let refused = project.run(arguments);
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        for part in ["unknown key", "shedule = \"@daily\"", "^^^^^^^", "did you mean `schedule`?", "no plugin `second`"]
        {
            assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
        }
        assert!(refused.stderr.contains("the last good one stays in force"), "{}", refused.stderr);
    }
    assert_eq!(lines(&serving, REFUSED).len(), 1, "a dry run is between those who asked: {}", serving.log());
    assert!(serving.log().contains("did you mean `schedule`?"), "{}", serving.log());
    let refused = project.run(&["reload", "--json"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let json: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(json["accepted"], false);
    assert!(json["report"].as_str().unwrap().contains("shedule"), "{json}");
    let triggered = project.run(&["trigger", "first", "--state", "state"]);
    assert!(triggered.status.success(), "{triggered:?}");

    fs::remove_file(project.path("sandclock.toml")).unwrap();
    let gone = project.run(&["reload"]);
    assert_eq!(gone.status.code(), Some(3), "{gone:?}");
    assert!(gone.stderr.contains("there is no file"), "{gone:?}");
    project.configure(&config(false, &manual("first")));
    let fine = project.run(&["reload"]);
    assert_eq!((fine.status.code(), fine.stdout.as_str()), (Some(0), "1 task stays as it is; nothing has changed\n"));
}

#[test]
fn a_plugin_that_a_task_is_to_use_from_now_on_has_to_be_good() {
    let project = Project::new(&config(false, &manual("first")), &["tick"]);
    let serving = project.serve();
    fs::write(project.path("plugins/broken.wat"), "(module").unwrap();
    project.configure(&config(false, &(manual("first") + "[tasks.broken]\n\n" + &manual("second"))));
    let refused = project.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(refused.stderr.contains("error: task `broken` cannot use plugin `broken`: "), "{refused:?}");
    assert_eq!(project.run(&["trigger", "second"]).status.code(), Some(4), "all or nothing");
    fs::write(project.path("plugins/broken.wat"), program("whole", 0)).unwrap();
    let done = project.run(&["reload"]);
    assert!(done.stdout.contains("+ task broken") && done.stdout.contains("* plugin broken"), "{done:?}");
    let run = trigger(&project, "broken");
    until_is(&serving, "broken", &run, "succeeded");
}

#[test]
fn an_attempt_ends_as_it_would_have_after_its_task_was_removed() {
    let project = Project::new(&config(false, "[tasks.long]\noverlap = \"queue\"\n"), &["tick"]);
    fs::write(project.path("plugins/long.wat"), program("long", 3_000)).unwrap();
    let serving = project.serve();
    let running = trigger(&project, "long");
    until_is(&serving, "long", &running, "running");
    let waiting = trigger(&project, "long");
    project.configure(&config(false, &manual("other")));
    let done = project.run(&["reload"]);
    assert!(done.stdout.contains("- task long\n"), "{done:?}");
    assert!(done.stdout.contains("    runs running: 1, with what they began with\n"), "{done:?}");
    assert!(done.stdout.contains("    runs waiting: 1, end as skipped\n"), "{done:?}");
    let skipped = until_is(&serving, "long", &waiting, "skipped");
    assert!(skipped["outcome"]["message"].as_str().unwrap().contains("no longer configured"), "{skipped}");
    until_is(&serving, "long", &running, "succeeded");
}

#[test]
fn limits_that_the_host_has_no_room_for_need_a_restart() {
    let project = Project::new(&config(false, &manual("first")), &["tick"]);
    let serving = project.serve();
    let limits =
        |keys: &str| config(false, &(manual("first").trim_end().to_owned() + &format!("\nlimits = {{ {keys} }}\n")));
    project.configure(&limits("memory = \"3GiB\""));
    assert!(project.run(&["reload"]).status.success());
    let run = trigger(&project, "first");
    until_is(&serving, "first", &run, "succeeded");
    project.configure(&limits("instances = 1000"));
    let refused = project.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let said = "error: task `first` has limits.instances = 1000, and the host made room for 100 when it started";
    assert!(refused.stderr.contains(said), "{refused:?}");
}

#[test]
fn without_a_host_there_is_nothing_to_reload() {
    let project = Project::new(&config(false, &manual("first")), &["tick"]);
    assert_eq!(project.run(&["reload"]).status.code(), Some(6));
    // Also when the file is wrong: where the host would be can be told from what is right in it.
    project.configure("[host]\nstate = \"elsewhere\"\nlisten = 7\n");
    let absent = project.run(&["reload"]);
    assert_eq!(absent.status.code(), Some(6));
    assert!(absent.stderr.contains("/elsewhere;"), "{absent:?}");
}
