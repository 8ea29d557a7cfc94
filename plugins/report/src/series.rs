//! From JSON items to series of numbers, whole and by group.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::histogram::Histogram;
use crate::statistics::Statistics;

/// The numbers of one field.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// How many items have no number there.
    pub(crate) missing: usize,
    pub(crate) all: Statistics,
    /// By the value of the field to group by, largest group first.
    pub(crate) groups: Vec<(String, Statistics)>,
    pub(crate) histogram: Histogram,
}

/// The series of the named field, or of every field that holds numbers. Items that are numbers themselves make one
/// series, `value`. A series without a number is left out.
pub(crate) fn extract(items: &[Value], value: Option<&str>, by: Option<&str>) -> Vec<Series> {
    let names = match value {
        Some(name) => vec![name.to_owned()],
        None => fields(items),
    };
    names.into_iter().filter_map(|name| series(items, name, by)).collect()
}

fn series(items: &[Value], name: String, by: Option<&str>) -> Option<Series> {
    let mut values = Vec::new();
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for item in items {
        let number = if item.is_number() { item.as_f64() } else { at(item, &name).and_then(Value::as_f64) };
        let Some(number) = number else { continue };
        values.push(number);
        if let Some(by) = by {
            groups.entry(label(at(item, by))).or_default().push(number);
        }
    }
    let histogram = Histogram::of(&values)?;
    let mut groups: Vec<_> =
        groups.into_iter().filter_map(|(label, values)| Some((label, Statistics::of(values)?))).collect();
    // The sort is stable, so groups of one size stay in the order of their names.
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    Some(Series { missing: items.len() - values.len(), all: Statistics::of(values)?, name, groups, histogram })
}

/// The fields that hold numbers, but for ids: they are numbers only by their spelling.
fn fields(items: &[Value]) -> Vec<String> {
    if items.iter().any(Value::is_number) {
        return vec!["value".to_owned()];
    }
    let fields = items.iter().filter_map(Value::as_object).flatten();
    let numbers = fields.filter(|(name, value)| value.is_number() && *name != "id" && !name.ends_with("_id"));
    numbers.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What an item has at a place such as `address.city`.
fn at<'a>(item: &'a Value, place: &str) -> Option<&'a Value> {
    item.pointer(&format!("/{}", place.replace('.', "/")))
}

fn label(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Series as `name: count (missing) group=count …`.
    fn shown(items: Value, value: Option<&str>, by: Option<&str>) -> Vec<String> {
        let series = extract(items.as_array().unwrap(), value, by);
        let show = |series: &Series| {
            let groups: String =
                series.groups.iter().map(|(label, group)| format!(" {label}={}", group.count)).collect();
            format!("{}: {} ({}){groups}", series.name, series.all.count, series.missing)
        };
        series.iter().map(show).collect()
    }

    #[test]
    fn the_fields_with_numbers_are_found() {
        let items = json!([
            {"id": 1, "user_id": 5, "size": 3, "time": 1.5, "city": "Oslo"},
            {"id": 2, "user_id": 5, "size": "big", "time": 2.5, "city": "Lima"},
            {"id": 3, "user_id": 6, "time": 3.5, "city": "Lima", "at": {"x": 1}},
            {"id": 4, "user_id": 6, "time": null, "city": null},
        ]);
        assert_eq!(shown(items.clone(), None, None), ["size: 1 (3)", "time: 3 (1)"]);
        assert_eq!(shown(items.clone(), Some("time"), Some("city")), ["time: 3 (1) Lima=2 Oslo=1"]);
        assert_eq!(shown(items.clone(), Some("at.x"), Some("id")), ["at.x: 1 (3) 3=1"]);
        assert_eq!(shown(items, Some("nowhere"), None), [""; 0]);
    }

    #[test]
    fn items_may_be_numbers_themselves() {
        assert_eq!(shown(json!([1, 2, "x"]), None, None), ["value: 2 (1)"]);
        assert_eq!(shown(json!([1, 2]), None, Some("city")), ["value: 2 (0) (none)=2"]);
        assert_eq!(shown(json!([]), None, None), [""; 0]);
    }
}
