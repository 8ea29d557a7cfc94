//! Renders statistics of JSON items as a Markdown report: of its payload, or of what an earlier task put out.

#![forbid(unsafe_code)]

mod figure;
mod histogram;
mod render;
mod series;
mod statistics;

use std::env;

use figure::figure;
use sandclock::{Failure, Output, Run, info};
use serde::Deserialize;
use serde_json::Value;
use series::Series;

/// What to report on, and how. The payload of a run that follows another task is that task's output, so what it does not
/// say is taken from the environment.
#[derive(Deserialize, Default)]
struct Payload {
    items: Vec<Value>,
    title: Option<String>,
    /// The field with the numbers; without it, every field that holds some is reported on.
    value: Option<String>,
    /// The field to group by.
    by: Option<String>,
}

#[sandclock::task]
fn run(run: Run) -> Result<Output, Failure> {
    report(&run, |name| env::var(name).ok())
}

fn report(run: &Run, environment: impl Fn(&str) -> Option<String>) -> Result<Output, Failure> {
    // A bare list will do; anything else is read again as a payload, so that a slip in it is told with its place.
    let payload = match run.payload::<Value>()? {
        Value::Array(items) => Payload { items, ..Payload::default() },
        _ => run.payload()?,
    };
    let title = payload.title.or_else(|| environment("REPORT_TITLE")).unwrap_or_else(|| "Report".to_owned());
    let value = payload.value.or_else(|| environment("REPORT_VALUE"));
    let by = payload.by.or_else(|| environment("REPORT_BY"));

    let all = series::extract(&payload.items, value.as_deref(), by.as_deref());
    for Series { name, all: found, .. } in &all {
        let [mean, median, p95, max] = [found.mean, found.median, found.p95, found.max].map(figure);
        info!(series = name, count = found.count, mean, median, p95, max, "{title}");
    }
    if all.is_empty() {
        info!(items = payload.items.len(), "{title}: nothing to report");
    }
    Ok(Output::markdown(render::markdown(&title, run.slot(), payload.items.len(), by.as_deref(), &all)))
}

#[cfg(test)]
mod tests {
    use sandclock::testing;
    use serde_json::json;

    use super::*;

    fn rendered(payload: &Value, environment: &[(&str, &str)]) -> String {
        let run = Run::test().slot("2026-11-23T09:00:00Z").payload(payload).build();
        let find = |name: &str| environment.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let blob = report(&run, find).unwrap().into_blob().unwrap();
        assert_eq!(blob.content_type, "text/markdown; charset=utf-8");
        String::from_utf8(blob.bytes).unwrap()
    }

    fn orders() -> Value {
        json!([
            {"id": 1, "city": "Oslo", "amount": 10},
            {"id": 2, "city": "Lima", "amount": 25.5},
            {"id": 3, "city": "Oslo", "amount": 40},
            {"id": 4, "city": "a|b", "amount": null},
        ])
    }

    const ORDERS: &str = "\
# Orders

4 items, for the slot 2026-11-23T09:00:00Z.

## amount

| count | sum | mean | deviation | min | median | 90 % | 95 % | 99 % | max |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| 3 | 75.5 | 25.17 | 15 | 10 | 25.5 | 37.1 | 38.55 | 39.71 | 40 |

Without a number here: 1 item.

### by city

| city | count | sum | mean | median | 95 % | max |
|---|--:|--:|--:|--:|--:|--:|
| Oslo | 2 | 50 | 25 | 25 | 38.5 | 40 |
| Lima | 1 | 25.5 | 25.5 | 25.5 | 25.5 | 25.5 |

### distribution

```
10 to 15  ████████████████████████████████████████ 1
15 to 20  0
20 to 25  0
25 to 30  ████████████████████████████████████████ 1
30 to 35  0
35 to 40  0
40 to 45  ████████████████████████████████████████ 1
```
";

    #[test]
    fn a_report_is_the_same_from_a_payload_and_from_an_earlier_task() {
        let own = json!({"items": orders(), "title": "Orders", "by": "city"});
        assert_eq!(rendered(&own, &[]), ORDERS);
        let earlier = json!({"window": null, "pages": 1, "items": orders()});
        assert_eq!(rendered(&earlier, &[("REPORT_TITLE", "Orders"), ("REPORT_BY", "city")]), ORDERS);
        assert_eq!(rendered(&orders(), &[("REPORT_TITLE", "Orders"), ("REPORT_BY", "city")]), ORDERS);
    }

    #[test]
    fn the_figures_are_logged() {
        let log = testing::log();
        rendered(&json!([1, 2, 3, 4, 10]), &[]);
        let line = &log.lines()[0];
        let fields: Vec<_> = line.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["series=value", "count=5", "mean=4", "median=3", "p95=8.8", "max=10"]);
    }

    #[test]
    fn nothing_to_report_is_said() {
        let text = rendered(&json!({"items": []}), &[]);
        assert_eq!(
            text,
            "# Report\n\n0 items, for the slot 2026-11-23T09:00:00Z.\n\nThere are no numbers to report on.\n"
        );
    }

    #[test]
    fn data_cannot_pose_as_structure() {
        let items = json!([{"x": 1, "by": "a|b\n# fake"}]);
        let text = rendered(&json!({"items": items, "by": "by"}), &[]);
        assert!(text.contains("| a\\|b \\# fake | 1 |"), "{text}");
    }

    #[test]
    fn a_payload_without_items_is_refused() {
        let failure = report(&Run::test().payload(&json!({"rows": []})).build(), |_| None).unwrap_err();
        assert_eq!(failure, Failure::permanent("cannot read the payload: missing field `items` at line 1 column 11"));
    }
}
