//! Says hello: the smallest useful task.

#![forbid(unsafe_code)]

use sandclock::{Failure, Run, info};
use serde::Deserialize;

/// What the task is told, as in `payload = { name = "Ada" }`. It may be left out.
#[derive(Deserialize)]
struct Payload {
    name: String,
}

#[sandclock::task]
fn run(run: Run) -> Result<String, Failure> {
    let payload: Option<Payload> = run.payload()?;
    let name = payload.map_or_else(|| "world".to_owned(), |payload| payload.name);
    let slot = run.slot().map(|slot| slot.to_string());
    info!(slot, "hello, {name}");
    Ok(format!("hello, {name}"))
}

#[cfg(test)]
mod tests {
    use sandclock::testing;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_greets_whom_it_is_told_to() {
        let log = testing::log();
        assert_eq!(run(Run::test().build()).unwrap(), "hello, world");
        assert_eq!(run(Run::test().payload(&json!({"name": "Ada"})).build()).unwrap(), "hello, Ada");
        assert_eq!(log.messages(), ["hello, world", "hello, Ada"]);
    }

    #[test]
    fn it_names_the_slot_that_it_runs_for() {
        let log = testing::log();
        run(Run::test().slot("2026-11-23T09:00:00Z").build()).unwrap();
        assert_eq!(log.lines()[0].fields, [("slot".to_owned(), "2026-11-23T09:00:00Z".to_owned())]);
    }

    #[test]
    fn a_payload_of_another_shape_is_refused() {
        let failure = run(Run::test().payload(&json!({"nmae": "Ada"})).build()).unwrap_err();
        assert!(failure.message().contains("missing field `name`"), "{failure}");
    }
}
