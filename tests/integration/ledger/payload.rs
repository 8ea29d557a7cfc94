//! An empty payload is one: it takes the place of the task's own.

use super::*;

#[test]
fn an_empty_payload_is_another_than_none() {
    let config = "[tasks.tick]\npayload = \"of the task\"\n\n[tasks.bare]\nplugin = \"tick\"\n";
    let project = Project::new(config, &["tick"]);
    let serving = project.serve();
    let payload_of = |arguments: &[&str]| -> Option<(String, Vec<u8>)> {
        let triggered = project.run(&[&["trigger"], arguments].concat());
        assert!(triggered.status.success(), "{triggered:?}");
        let id = triggered.stdout.trim();
        let task = arguments[0];
        serving.until_run(task, "succeeds", |run| run["id"] == id && succeeded(run));
        let run: sandclock_host::model::id::RunId = id.parse().unwrap();
        let sql = "SELECT content_type, bytes FROM payloads WHERE run = ?";
        let found = open(&project).query_row(sql, [run.as_i64()], |row| Ok((row.get(0)?, row.get(1)?)));
        rusqlite::OptionalExtension::optional(found).unwrap()
    };
    let text = "text/plain; charset=utf-8".to_owned();
    assert_eq!(payload_of(&["tick"]).unwrap().1, b"of the task");
    assert_eq!(payload_of(&["tick", "--payload", ""]), Some((text.clone(), Vec::new())));
    assert_eq!(payload_of(&["bare", "--payload", ""]), Some((text, Vec::new())));
    assert_eq!(payload_of(&["bare"]), None);
}
