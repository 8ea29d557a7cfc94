//! The real migrations there and back, with data; and the mechanism, with a list made for it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::ledger::folder;

/// A row for every table that the migration of the same index made.
const SAMPLES: [&str; MIGRATIONS.len()] = [
    "
    INSERT INTO tasks (id, name, cursor) VALUES (1, 'report', 60000), (2, 'never', NULL);
    INSERT INTO task_states VALUES (1, '* * * * *', 0, 60000, 'somebody');
    INSERT INTO plugins VALUES (1, x'0707070707070707070707070707070707070707070707070707070707070707');
    INSERT INTO runs VALUES (7, 1, 60000, 0, NULL, 3, 60020, 1, 0, 60000, 60005, NULL, 0, NULL);
    INSERT INTO missed VALUES (8, 1, 1000, 2000, 2, 0, 60000);
    INSERT INTO attempts VALUES (7, 1, 0, NULL, 1, 60005, 60020, 15000, 9, 65536, 7, 11, 5, 2, 1, 3, 2, 4);
    INSERT INTO logs VALUES (7, 1, x'01');
    INSERT INTO payloads VALUES (7, 'text/plain', x'6869');
    INSERT INTO outputs VALUES (7, 'text/plain', x'686f');
    INSERT INTO tallies VALUES (1, 0, 0, 311, 1);
    INSERT INTO streaks VALUES (1, 7, 60020, 7, 0);
    INSERT INTO probe VALUES (1, 5);",
    "
    INSERT INTO stores VALUES (1, 0, 'report', 3, 1, 7);
    INSERT INTO store_values VALUES (1, 1, 'cursor', 3, x'09');",
    "
    INSERT INTO request_keys VALUES (1, 'k', x'0707070707070707070707070707070707070707070707070707070707070707', 7, 60000);",
    "
    INSERT INTO tokens VALUES
        ('ci', x'0707070707070707070707070707070707070707070707070707070707070707', 1, 'report-*', 5, NULL, 60000);
    INSERT INTO audit VALUES (1, 1, 60000, 'token ci', 'POST /api/v1/x', 'report', 7, 'done', '0123');",
    "
    INSERT INTO alert_causes VALUES (1, 1, 60020, 1, 7, NULL, NULL, NULL, NULL);
    INSERT INTO alert_problems VALUES ('ops', 'task:report', 0, 1, 1, 1, 0, 2, 0, NULL, 0, x'', 1, 7, 'busy');
    INSERT INTO alert_messages VALUES (1, 'ops', 'key', 2, 0, 2, NULL, NULL);
    INSERT INTO alert_notices VALUES (1, 'ops', 1, 2, 0, 'task:report', 0, 1, 7, 'busy', 1, 1);
    INSERT INTO alert_host VALUES (1, 1, 5);",
    // They make none.
    "",
    "",
];

/// A database to lead along migrations.
struct Bench {
    folder: tempfile::TempDir,
    connection: Connection,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder::database(folder.path())).unwrap();
        Self { folder, connection }
    }

    fn forward(&mut self, migrations: &[Migration]) -> Result<(), LedgerError> {
        let found = self.schema();
        forward(&mut self.connection, &folder::database(self.folder.path()), migrations, found)
    }

    fn back(&mut self, migrations: &[Migration], to: i64) -> Result<(), LedgerError> {
        let found = self.schema();
        back(&mut self.connection, &folder::database(self.folder.path()), migrations, found, to)
    }

    fn schema(&self) -> i64 {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    /// The names of the files beside the database.
    fn copies(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.to_str().unwrap().to_owned()).collect();
        names.retain(|name| name != "ledger.db");
        names.sort();
        names
    }
}

/// The schema's text and all rows of all tables.
fn contents(connection: &Connection) -> Vec<String> {
    let texts = |sql: &str| -> Vec<String> {
        let mut query = connection.prepare(sql).unwrap();
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values: Vec<_> = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column)).collect();
            Ok(format!("{values:?}"))
        };
        query.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    let mut all = texts("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    for table in tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap) {
        all.extend(texts(&format!("SELECT '{table}', * FROM {table} ORDER BY 2")));
    }
    all
}

#[test]
fn every_migration_leads_back_to_what_was_before_it() {
    let mut bench = Bench::new();
    let mut before = Vec::new();
    for (index, sample) in SAMPLES.iter().enumerate() {
        bench.forward(&MIGRATIONS[..=index]).unwrap();
        let empty: Vec<_> = contents(&bench.connection);
        bench.connection.execute_batch(sample).unwrap();
        let filled = contents(&bench.connection);
        assert!(filled.len() > empty.len() || sample.is_empty(), "the sample of migration {} fills nothing", index + 1);
        before.push(filled);
    }
    for to in (1..MIGRATIONS.len()).rev() {
        bench.back(&MIGRATIONS, to as i64).unwrap();
        assert_eq!(bench.schema(), to as i64);
        assert_eq!(contents(&bench.connection), before[to - 1], "back from schema {}", to + 1);
    }
    bench.forward(&MIGRATIONS).unwrap();
    assert_eq!(bench.schema(), MIGRATIONS.len() as i64);
    let check = |pragma| bench.connection.query_row(pragma, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(check("PRAGMA integrity_check"), "ok");
}

#[test]
fn the_attempts_of_plugins_are_counted_when_the_count_comes() {
    let mut bench = Bench::new();
    for (index, sample) in SAMPLES[..5].iter().enumerate() {
        bench.forward(&MIGRATIONS[..=index]).unwrap();
        bench.connection.execute_batch(sample).unwrap();
    }
    bench.connection.execute("INSERT INTO plugins VALUES (2, zeroblob(32))", []).unwrap();
    bench.forward(&MIGRATIONS).unwrap();
    let mut query = bench.connection.prepare("SELECT id, attempts FROM plugins").unwrap();
    let counted: Vec<(i64, i64)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(counted, [(1, 1)], "one without an attempt is gone");
}

/// Three schemas for the tests below; the third adds a column to a table of the first.
const THREE: [Migration; 3] = [
    Migration { forward: "CREATE TABLE a (id INTEGER PRIMARY KEY, text TEXT)", back: None },
    Migration { forward: "CREATE TABLE b (id INTEGER PRIMARY KEY)", back: Some("DROP TABLE b") },
    Migration { forward: "ALTER TABLE a ADD COLUMN more TEXT", back: Some("ALTER TABLE a DROP COLUMN more") },
];

#[test]
fn a_copy_is_kept_before_a_migration_and_only_the_newest() {
    let mut bench = Bench::new();
    bench.forward(&THREE[..1]).unwrap();
    assert_eq!(bench.copies(), [""; 0], "an empty database is not worth a copy");
    bench.connection.execute_batch("INSERT INTO a VALUES (1, 'one')").unwrap();
    let first = contents(&bench.connection);

    // What a host that was killed over its copy leaves behind is in nobody's way.
    fs::write(bench.folder.path().join("ledger.schema-1.partial"), "half a copy").unwrap();
    bench.forward(&THREE).unwrap();
    assert_eq!((bench.schema(), bench.copies()), (3, vec!["ledger.schema-1.db".to_owned()]));
    let kept = bench.folder.path().join("ledger.schema-1.db");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Connection::open(&kept).unwrap();
    assert_eq!(contents(&copy), first);
    assert_eq!(copy.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)), Ok(1));
    assert_eq!(copy.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0)), Ok(APPLICATION));

    bench.forward(&THREE).unwrap();
    bench.back(&THREE, 3).unwrap();
    assert_eq!(bench.copies(), ["ledger.schema-1.db"], "nothing to do, nothing to copy");
    bench.back(&THREE, 1).unwrap();
    assert_eq!((bench.schema(), bench.copies()), (1, vec!["ledger.schema-3.db".to_owned()]));
    assert_eq!(contents(&bench.connection), first);
}

#[test]
fn without_a_copy_nothing_is_changed() {
    let mut bench = Bench::new();
    bench.forward(&THREE[..1]).unwrap();
    let before = contents(&bench.connection);
    fs::create_dir(bench.folder.path().join("ledger.schema-1.partial")).unwrap();
    let error = bench.forward(&THREE).unwrap_err();
    assert!(error.to_string().contains("ledger.schema-1.partial"), "{error}");
    assert_eq!((bench.schema(), contents(&bench.connection)), (1, before));
}

#[test]
fn a_step_that_fails_leaves_the_schema_before_it() {
    let broken = [THREE[0], THREE[1], Migration { forward: "ALTER TABLE nobody RENAME TO x", back: None }];
    let mut bench = Bench::new();
    bench.forward(&THREE[..1]).unwrap();
    bench.forward(&broken).unwrap_err();
    assert_eq!(bench.schema(), 2);
    bench.forward(&THREE).unwrap();
    assert_eq!(bench.schema(), 3);
}

#[test]
fn where_no_way_leads_nothing_is_touched() {
    let mut bench = Bench::new();
    bench.forward(&THREE).unwrap();
    for to in [0, 4, -1, i64::MAX] {
        let error = bench.back(&THREE, to).unwrap_err();
        assert!(matches!(error, LedgerError::NoWayBack { found: 3, .. }), "{to}: {error}");
    }
    let one_way = [THREE[0], Migration { back: None, ..THREE[1] }, THREE[2]];
    bench.back(&one_way, 1).unwrap_err();
    assert_eq!((bench.schema(), bench.copies()), (3, vec![]));
}
