//! The sizes of the ledger as tables for people, and as JSON.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use crate::cli::columns::aligned;
use crate::cli::terminal;
use crate::ledger::Sizes;
use crate::model::quantity;

pub(super) fn print(sizes: &Sizes, json: bool) -> anyhow::Result<()> {
    match json {
        true => terminal::print_json(&to_json(sizes)),
        false => terminal::print(text(sizes, &TimeZone::system())),
    }
}

fn text(sizes: &Sizes, zone: &TimeZone) -> String {
    let bytes = |bytes| quantity::bytes(bytes).to_string();
    let head = format!(
        "schema {}, {} in the file, {} of it free, {} in the write-ahead log\n",
        sizes.schema,
        bytes(sizes.file),
        bytes(sizes.free),
        bytes(sizes.wal)
    );
    let tables = sizes.tables.iter().map(|table| [table.table.clone(), table.rows.to_string(), bytes(table.bytes)]);
    let time = |at: Option<Timestamp>| {
        at.map_or("-".to_owned(), |at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string())
    };
    let tasks = sizes.tasks.iter().map(|task| {
        let (runs, ranges) = (task.runs.to_string(), task.ranges.to_string());
        [task.task.to_string(), runs, ranges, bytes(task.logs), time(task.oldest), time(task.newest)]
    });
    let heads = ["TABLE", "ROWS", "BYTES"].map(str::to_owned);
    let tables: Vec<_> = std::iter::once(heads).chain(tables).collect();
    let heads = ["TASK", "RUNS", "MISSED RANGES", "LOGS", "OLDEST", "NEWEST"].map(str::to_owned);
    let tasks: Vec<_> = std::iter::once(heads).chain(tasks).collect();
    [head, aligned(&tables), aligned(&tasks)].join("\n")
}

fn to_json(sizes: &Sizes) -> Json {
    let tables =
        sizes.tables.iter().map(|table| json!({ "table": table.table, "rows": table.rows, "bytes": table.bytes }));
    let tasks = sizes.tasks.iter().map(|task| {
        json!({
            "task": task.task.as_str(),
            "runs": task.runs,
            "missed_ranges": task.ranges,
            "log_bytes": task.logs,
            "oldest": task.oldest.map(|at| at.to_string()),
            "newest": task.newest.map(|at| at.to_string()),
        })
    });
    json!({
        "schema": sizes.schema,
        "file_bytes": sizes.file,
        "free_bytes": sizes.free,
        "wal_bytes": sizes.wal,
        "tables": tables.collect::<Json>(),
        "tasks": tasks.collect::<Json>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{TableSize, TaskSize};

    #[test]
    fn sizes_are_shown_in_columns() {
        let sizes = Sizes {
            schema: 1,
            file: 3 << 20,
            wal: 0,
            free: 1 << 20,
            tables: vec![
                TableSize { table: "attempts".into(), rows: 12_345, bytes: 2 << 20 },
                TableSize { table: "runs".into(), rows: 9, bytes: 4096 },
            ],
            tasks: vec![TaskSize {
                task: "report".parse().unwrap(),
                runs: 9,
                ranges: 0,
                logs: 17,
                oldest: Some(Timestamp::UNIX_EPOCH),
                newest: None,
            }],
        };
        insta::assert_snapshot!(text(&sizes, &TimeZone::UTC), @r"
        schema 1, 3MiB in the file, 1MiB of it free, 0B in the write-ahead log

        TABLE     ROWS   BYTES
        attempts  12345  2MiB
        runs      9      4KiB

        TASK    RUNS  MISSED RANGES  LOGS  OLDEST               NEWEST
        report  9     0              17B   1970-01-01 00:00:00  -
        ");
    }
}
