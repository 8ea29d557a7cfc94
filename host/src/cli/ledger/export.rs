//! The ledger as JSON lines, page by page, so that a long history takes no more memory than a short one.

use jiff::Timestamp;

use crate::api::view;
use crate::cli::terminal;
use crate::ledger::{Filter, Reader, Record};

/// How many records are read at a time.
const PAGE: u32 = 1000;

/// Prints what was entered since then: each run, after it its attempts, and each range of missed slots.
pub(super) fn print(reader: &Reader, since: Option<Timestamp>) -> anyhow::Result<()> {
    let mut filter = Filter { since, limit: PAGE, ..Filter::default() };
    loop {
        let records = reader.records(&filter)?;
        let Some(last) = records.last() else { return Ok(()) };
        filter.before = Some(last.id());
        let mut lines = String::new();
        for record in &records {
            lines += &format!("{}\n", serde_json::to_value(view::Record::from(record))?);
            let Record::Run(run) = record else { continue };
            if run.attempts == 0 {
                continue;
            }
            for attempt in reader.attempts(run.id)? {
                let mut line = serde_json::to_value(view::Attempt::from(&attempt))?;
                line["kind"] = "attempt".into();
                line["run"] = run.id.to_string().into();
                line["task"] = run.task.as_str().into();
                lines += &format!("{line}\n");
            }
        }
        terminal::print(lines)?;
    }
}
